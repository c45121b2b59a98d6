-- Every function of the system role: the only way across tenants. This file is all of them.
-- They are dropped and created anew at each migration, owned by the role `system`, which sees
-- every row and can't log in; the app role may call them and nothing else of it. So each does one
-- thing, answers the least that will do, and never takes SQL from its arguments.
--
-- Each needs: SECURITY DEFINER and SET search_path = pg_catalog, core.

-- === Who is asking ==============================================================================

-- The user this transaction is bound to; NULL when it is bound to nobody.
CREATE FUNCTION core.caller() RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core AS $$
    SELECT NULLIF(current_setting('baukasten.user_id', true), '')::uuid
$$;

-- Whether the transaction's user is an active admin of the platform.
CREATE FUNCTION core.caller_is_admin() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core AS $$
    SELECT EXISTS (SELECT FROM core.users WHERE id = core.caller() AND is_admin AND is_active)
$$;

-- The transaction's user's role in a tenant; NULL when not a member.
CREATE FUNCTION core.caller_role(p_tenant uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core AS $$
    SELECT role FROM core.memberships WHERE tenant_id = p_tenant AND user_id = core.caller()
$$;

-- Bind the transaction to an active user, and to a tenant of theirs (their own unless another is
-- named). No row: no such active user. tenant_id NULL: not a member of that tenant, nothing bound.
CREATE FUNCTION core.open_user(p_user uuid, p_tenant uuid)
RETURNS TABLE (user_id uuid, tenant_id uuid, email text, role text, is_admin boolean,
               language text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
BEGIN
    SELECT u.id, m.tenant_id, u.email, m.role, u.is_admin, u.language
    INTO user_id, tenant_id, email, role, is_admin, language
    FROM users u
    LEFT JOIN (memberships m JOIN tenants t ON t.id = m.tenant_id) ON m.user_id = u.id
        AND CASE WHEN p_tenant IS NULL THEN t.personal_of = u.id ELSE t.id = p_tenant END
    WHERE u.id = p_user AND u.is_active;
    IF NOT FOUND THEN RETURN; END IF;
    IF tenant_id IS NOT NULL THEN
        PERFORM set_config('baukasten.user_id', user_id::text, true),
                set_config('baukasten.tenant_id', tenant_id::text, true);
    END IF;
    RETURN NEXT;
END $$;

-- The same by a live session: what every request of a signed-in person begins with. No row: the
-- session has ended, or its user was deactivated.
CREATE FUNCTION core.open_session(p_session uuid, p_tenant uuid)
RETURNS TABLE (user_id uuid, tenant_id uuid, email text, role text, is_admin boolean,
               language text)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
    SELECT o.* FROM core.sessions s, core.open_user(s.user_id, p_tenant) o
    WHERE s.id = p_session AND s.expires_at > now()
$$;

-- The same by an API key's hash, in the key's own tenant. tenant_id NULL: another one was named.
CREATE FUNCTION core.open_api_key(p_hash bytea, p_tenant uuid)
RETURNS TABLE (user_id uuid, tenant_id uuid, email text, role text, is_admin boolean,
               language text, api_key_id uuid, scopes text[], project_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
DECLARE
    v_key api_keys;
BEGIN
    SELECT * INTO v_key FROM api_keys k
    WHERE k.key_hash = p_hash AND (k.expires_at IS NULL OR k.expires_at > now());
    IF NOT FOUND THEN RETURN; END IF;
    IF v_key.used_at IS NULL OR v_key.used_at < now() - interval '1 minute' THEN
        UPDATE api_keys k SET used_at = now() WHERE k.id = v_key.id;
    END IF;
    RETURN QUERY
    SELECT o.user_id, CASE WHEN p_tenant IS NULL OR p_tenant = v_key.tenant_id THEN o.tenant_id END,
           o.email, o.role, o.is_admin, o.language, v_key.id, v_key.scopes, v_key.project_id
    FROM open_user(v_key.user_id, v_key.tenant_id) o;
END $$;

-- === Signing in =================================================================================

-- A new account with its personal tenant. Answers the tenant; NULL: the address is taken.
CREATE FUNCTION core.create_user(p_user uuid, p_email text, p_hash text, p_language text,
                                 p_verified boolean, p_residency text[])
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
DECLARE
    v_tenant uuid := gen_random_uuid();
BEGIN
    INSERT INTO users (id, email, password_hash, language, is_verified)
    VALUES (p_user, p_email, p_hash, p_language, p_verified) ON CONFLICT (email) DO NOTHING;
    IF NOT FOUND THEN RETURN NULL; END IF;
    INSERT INTO tenants (id, name, personal_of, residency)
    VALUES (v_tenant, 'Personal', p_user, p_residency);
    INSERT INTO memberships (tenant_id, user_id, role) VALUES (v_tenant, p_user, 'owner');
    RETURN v_tenant;
END $$;

-- What a sign-in, a mailed link or an invitation needs to know of an address.
CREATE FUNCTION core.find_user(p_email text)
RETURNS TABLE (user_id uuid, password_hash text, is_active boolean, is_verified boolean,
               language text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core AS $$
    SELECT id, password_hash, is_active, is_verified, language
    FROM core.users WHERE email = p_email
$$;

-- The account that an identity of another provider belongs to.
CREATE FUNCTION core.find_identity(p_issuer text, p_subject text)
RETURNS TABLE (user_id uuid, is_active boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core AS $$
    SELECT u.id, u.is_active FROM core.identities i JOIN core.users u ON u.id = i.user_id
    WHERE i.issuer = p_issuer AND i.subject = p_subject
$$;

-- Exchange a refresh token. Answers the session's user; NULL: no such live session, or the token
-- was used before, and then the session has ended with this call.
CREATE FUNCTION core.rotate_session(p_session uuid, p_family bytea, p_old bytea, p_new bytea,
                                    p_lifetime interval)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
DECLARE
    v_session sessions;
BEGIN
    SELECT s.* INTO v_session FROM sessions s JOIN users u ON u.id = s.user_id
    WHERE s.id = p_session AND s.family_hash = p_family AND s.expires_at > now() AND u.is_active
    FOR UPDATE OF s;
    IF NOT FOUND THEN RETURN NULL; END IF;
    IF v_session.refresh_hash <> p_old THEN
        DELETE FROM sessions WHERE id = p_session;
        RETURN NULL;
    END IF;
    UPDATE sessions SET refresh_hash = p_new, used_at = now(), expires_at = created_at + p_lifetime
    WHERE id = p_session;
    RETURN v_session.user_id;
END $$;

-- Use up a mailed token: it proves that the address is its user's, so the address is verified.
-- No row: unknown, used or too old. was_verified is what it was before.
CREATE FUNCTION core.take_mail_token(p_hash bytea, p_purpose text)
RETURNS TABLE (user_id uuid, was_verified boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
DECLARE
    v_user uuid;
BEGIN
    DELETE FROM mail_tokens m
    WHERE m.token_hash = p_hash AND m.purpose = p_purpose AND m.expires_at > now()
    RETURNING m.user_id INTO v_user;
    IF NOT FOUND THEN RETURN; END IF;
    RETURN QUERY SELECT u.id, u.is_verified FROM users u WHERE u.id = v_user AND u.is_active
    FOR UPDATE;
    UPDATE users u SET is_verified = true, updated_at = now()
    WHERE u.id = v_user AND u.is_active AND NOT u.is_verified;
END $$;

-- The transaction's user changed the address: it is not verified, and old links are void.
CREATE FUNCTION core.unverify_caller() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
BEGIN
    UPDATE users SET is_verified = false WHERE id = caller();
    DELETE FROM mail_tokens WHERE user_id = caller();
END $$;

-- === Attempts, counted across replicas ==========================================================

-- Count one attempt. Answers 0 when it is within the limit, else the seconds to wait.
CREATE FUNCTION core.take_attempt(p_key bytea, p_limit integer, p_window interval)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
DECLARE
    v_count integer;
    v_until timestamptz;
BEGIN
    INSERT INTO attempts AS a (key, count, until) VALUES (p_key, 1, now() + p_window)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN a.until <= now() THEN 1 ELSE least(a.count, 1000000) + 1 END,
        until = CASE WHEN a.until <= now() THEN now() + p_window ELSE a.until END
    RETURNING a.count, a.until INTO v_count, v_until;
    IF v_count <= p_limit THEN RETURN 0; END IF;
    RETURN greatest(1, ceil(extract(epoch FROM v_until - now())))::integer;
END $$;

-- Count a sign-in before its password is looked at, so that a thousand at once are a thousand.
-- From where the account's owner has signed in before, strangers' attempts do not count.
CREATE FUNCTION core.begin_sign_in(p_address bytea, p_account bytea, p_pair bytea, p_known bytea,
                                   p_limit integer, p_window interval)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
DECLARE
    v_key bytea := p_account;
BEGIN
    IF EXISTS (SELECT FROM attempts WHERE key = p_known AND until > now()) THEN
        v_key := p_pair;
    END IF;
    RETURN greatest(take_attempt(p_address, p_limit, p_window),
                    take_attempt(v_key, p_limit, p_window));
END $$;

-- The sign-in was right: it was no failed attempt, the account's count starts anew, and this
-- address is known for a while.
CREATE FUNCTION core.end_sign_in(p_address bytea, p_account bytea, p_pair bytea, p_known bytea,
                                 p_known_for interval)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
BEGIN
    UPDATE attempts SET count = greatest(count - 1, 0) WHERE key = p_address;
    DELETE FROM attempts WHERE key IN (p_account, p_pair);
    INSERT INTO attempts (key, count, until) VALUES (p_known, 0, now() + p_known_for)
    ON CONFLICT (key) DO UPDATE SET until = excluded.until;
END $$;

-- Forget what has run out: attempts, sessions, links, invitations, keys. Answers how many rows.
CREATE FUNCTION core.delete_expired_accounts() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
    WITH a AS (DELETE FROM core.attempts WHERE until <= now() RETURNING 1),
         s AS (DELETE FROM core.sessions WHERE expires_at <= now() RETURNING 1),
         m AS (DELETE FROM core.mail_tokens WHERE expires_at <= now() RETURNING 1),
         i AS (DELETE FROM core.invitations WHERE expires_at <= now() RETURNING 1),
         k AS (DELETE FROM core.api_keys WHERE expires_at <= now() RETURNING 1)
    SELECT (SELECT count(*) FROM a) + (SELECT count(*) FROM s) + (SELECT count(*) FROM m)
         + (SELECT count(*) FROM i) + (SELECT count(*) FROM k)
$$;

-- === Tenants and their members ==================================================================
-- Those that change something answer what happened: 'ok', or why not.

-- A new tenant, owned by the transaction's user.
CREATE FUNCTION core.create_tenant(p_tenant uuid, p_name text, p_residency text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
BEGIN
    INSERT INTO tenants (id, name, residency) VALUES (p_tenant, p_name, p_residency);
    INSERT INTO memberships (tenant_id, user_id, role) VALUES (p_tenant, caller(), 'owner');
END $$;

-- Change a tenant's name or residency (NULL: as it is); its owners may.
CREATE FUNCTION core.update_tenant(p_tenant uuid, p_name text, p_residency text[]) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
BEGIN
    IF caller_role(p_tenant) IS NULL THEN RETURN 'not_found'; END IF;
    IF caller_role(p_tenant) <> 'owner' THEN RETURN 'forbidden'; END IF;
    UPDATE tenants SET name = coalesce(p_name, name), residency = coalesce(p_residency, residency)
    WHERE id = p_tenant;
    RETURN 'ok';
END $$;

-- The members of a tenant of the transaction's user.
CREATE FUNCTION core.members_of(p_tenant uuid)
RETURNS TABLE (user_id uuid, email text, role text, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core AS $$
    SELECT m.user_id, u.email, m.role, m.created_at
    FROM core.memberships m JOIN core.users u ON u.id = m.user_id
    WHERE m.tenant_id = p_tenant AND core.caller_role(p_tenant) IS NOT NULL
    ORDER BY m.created_at, m.user_id
$$;

-- Change a member's role. Owners may change everybody's, admins those of admins and members;
-- one owner always stays.
CREATE FUNCTION core.set_member_role(p_tenant uuid, p_user uuid, p_role text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
DECLARE
    v_mine text := caller_role(p_tenant);
    v_theirs text;
BEGIN
    IF v_mine IS NULL THEN RETURN 'not_found'; END IF;
    PERFORM FROM tenants WHERE id = p_tenant FOR UPDATE;
    SELECT role INTO v_theirs FROM memberships WHERE tenant_id = p_tenant AND user_id = p_user;
    IF v_theirs IS NULL THEN RETURN 'no_member'; END IF;
    IF v_mine = 'member' OR (v_mine = 'admin' AND 'owner' IN (v_theirs, p_role)) THEN
        RETURN 'forbidden';
    END IF;
    IF v_theirs = 'owner' AND p_role <> 'owner' AND NOT EXISTS (
        SELECT FROM memberships WHERE tenant_id = p_tenant AND role = 'owner' AND user_id <> p_user
    ) THEN RETURN 'last_owner'; END IF;
    UPDATE memberships SET role = p_role WHERE tenant_id = p_tenant AND user_id = p_user;
    RETURN 'ok';
END $$;

-- Leave a tenant, or take a member out of it; one owner always stays.
CREATE FUNCTION core.remove_member(p_tenant uuid, p_user uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
DECLARE
    v_mine text := caller_role(p_tenant);
    v_theirs text;
BEGIN
    IF v_mine IS NULL THEN RETURN 'not_found'; END IF;
    PERFORM FROM tenants WHERE id = p_tenant FOR UPDATE;
    SELECT role INTO v_theirs FROM memberships WHERE tenant_id = p_tenant AND user_id = p_user;
    IF v_theirs IS NULL THEN RETURN 'no_member'; END IF;
    IF p_user <> caller() AND (v_mine = 'member' OR (v_mine = 'admin' AND v_theirs = 'owner')) THEN
        RETURN 'forbidden';
    END IF;
    IF v_theirs = 'owner' AND NOT EXISTS (
        SELECT FROM memberships WHERE tenant_id = p_tenant AND role = 'owner' AND user_id <> p_user
    ) THEN RETURN 'last_owner'; END IF;
    DELETE FROM memberships WHERE tenant_id = p_tenant AND user_id = p_user;
    RETURN 'ok';
END $$;

-- Use up an invitation: the transaction's user joins, if it was sent to their address.
CREATE FUNCTION core.take_invitation(p_hash bytea)
RETURNS TABLE (outcome text, tenant_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
DECLARE
    v_invitation invitations;
BEGIN
    SELECT * INTO v_invitation FROM invitations i
    WHERE i.token_hash = p_hash AND i.expires_at > now() FOR UPDATE;
    IF NOT FOUND THEN RETURN QUERY SELECT 'unknown', NULL::uuid; RETURN; END IF;
    IF NOT EXISTS (SELECT FROM users u WHERE u.id = caller() AND u.email = v_invitation.email) THEN
        RETURN QUERY SELECT 'other_address', NULL::uuid; RETURN;
    END IF;
    DELETE FROM invitations i WHERE i.id = v_invitation.id;
    INSERT INTO memberships (tenant_id, user_id, role)
    VALUES (v_invitation.tenant_id, caller(), v_invitation.role)
    ON CONFLICT ON CONSTRAINT pk_memberships DO NOTHING;
    RETURN QUERY SELECT 'ok', v_invitation.tenant_id;
END $$;

-- === Admins =====================================================================================
-- Each asks that the transaction's user is an active admin, and does nothing else.

-- Accounts, newest first; a page ends before (p_before, p_before_id). p_search: part of an address.
CREATE FUNCTION core.admin_users(p_search text, p_before timestamptz, p_before_id uuid,
                                 p_limit integer)
RETURNS SETOF core.users
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core AS $$
    SELECT * FROM core.users
    WHERE core.caller_is_admin()
      AND (p_search IS NULL OR position(p_search IN email) > 0)
      AND (p_before IS NULL OR (created_at, id) < (p_before, p_before_id))
    ORDER BY created_at DESC, id DESC LIMIT p_limit
$$;

CREATE FUNCTION core.admin_user(p_user uuid) RETURNS SETOF core.users
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core AS $$
    SELECT * FROM core.users WHERE id = p_user AND core.caller_is_admin()
$$;

-- Change an account (NULL: as it is). The last active admin can't be demoted or deactivated; who
-- is deactivated or gets a new password is signed out everywhere.
CREATE FUNCTION core.admin_update_user(p_user uuid, p_email text, p_hash text, p_is_active boolean,
                                       p_is_verified boolean, p_is_admin boolean)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
BEGIN
    IF NOT caller_is_admin() THEN RETURN 'forbidden'; END IF;
    IF (p_is_active IS false OR p_is_admin IS false) AND last_admin(p_user) THEN
        RETURN 'last_admin';
    END IF;
    UPDATE users SET
        email = coalesce(p_email, email),
        password_hash = coalesce(p_hash, password_hash),
        is_active = coalesce(p_is_active, is_active),
        is_verified = coalesce(p_is_verified, is_verified AND coalesce(p_email = email, true)),
        is_admin = coalesce(p_is_admin, is_admin),
        updated_at = now()
    WHERE id = p_user;
    IF NOT FOUND THEN RETURN 'not_found'; END IF;
    IF p_is_active IS false OR p_hash IS NOT NULL THEN
        DELETE FROM sessions WHERE user_id = p_user;
        DELETE FROM mail_tokens WHERE user_id = p_user;
    END IF;
    RETURN 'ok';
END $$;

-- Whether this is the only active admin. Locks the admins, so that two can't demote each other.
CREATE FUNCTION core.last_admin(p_user uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
BEGIN
    PERFORM FROM users WHERE is_admin AND is_active ORDER BY id FOR UPDATE;
    RETURN EXISTS (SELECT FROM users WHERE id = p_user AND is_admin AND is_active)
       AND NOT EXISTS (SELECT FROM users WHERE id <> p_user AND is_admin AND is_active);
END $$;

-- Delete an account and every tenant nobody else is in: oneself, or as an admin. A tenant that
-- would be left without an owner goes to its oldest admin, else its oldest member.
CREATE FUNCTION core.delete_user(p_user uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
BEGIN
    IF p_user IS DISTINCT FROM caller() AND NOT caller_is_admin() THEN RETURN 'forbidden'; END IF;
    IF last_admin(p_user) THEN RETURN 'last_admin'; END IF;
    DELETE FROM tenants t USING memberships m
    WHERE m.tenant_id = t.id AND m.user_id = p_user AND NOT EXISTS (
        SELECT FROM memberships o WHERE o.tenant_id = t.id AND o.user_id <> p_user);
    UPDATE memberships h SET role = 'owner' FROM memberships m
    WHERE m.user_id = p_user AND m.role = 'owner' AND h.tenant_id = m.tenant_id
      AND NOT EXISTS (SELECT FROM memberships o WHERE o.tenant_id = m.tenant_id
                      AND o.role = 'owner' AND o.user_id <> p_user)
      AND h.user_id = (SELECT o.user_id FROM memberships o WHERE o.tenant_id = m.tenant_id
                       AND o.user_id <> p_user ORDER BY o.role, o.created_at, o.user_id LIMIT 1);
    DELETE FROM users WHERE id = p_user;
    RETURN CASE WHEN FOUND THEN 'ok' ELSE 'not_found' END;
END $$;

-- Figures of the whole platform; no row for anybody but an admin.
CREATE FUNCTION core.admin_stats()
RETURNS TABLE (total_users bigint, admin_users bigint, total_projects bigint,
               total_documents bigint, total_chats bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, core AS $$
BEGIN
    IF NOT caller_is_admin() THEN RETURN; END IF;
    SELECT count(*), count(*) FILTER (WHERE is_admin) INTO total_users, admin_users FROM users;
    SELECT count(*) INTO total_projects FROM projects;
    SELECT count(*) INTO total_documents FROM documents;
    SELECT count(*) INTO total_chats FROM conversations;
    RETURN NEXT;
END $$;

-- What language models cost the whole platform, by instance; no row for anybody but an admin.
CREATE FUNCTION core.admin_llm_usage(p_since timestamptz)
RETURNS TABLE (instance text, provider text, calls bigint, answered bigint, prompt_tokens bigint,
               completion_tokens bigint, mean_ms double precision,
               mean_first_ms double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, core AS $$
BEGIN
    IF NOT caller_is_admin() THEN RETURN; END IF;
    RETURN QUERY
    SELECT u.instance, u.provider, count(*), count(*) FILTER (WHERE u.outcome = 'answered'),
           sum(u.prompt_tokens), sum(u.completion_tokens),
           avg(u.total_ms) FILTER (WHERE u.outcome = 'answered'),
           avg(u.first_ms) FILTER (WHERE u.outcome = 'answered')
    FROM llm_usage u WHERE p_since IS NULL OR u.created_at >= p_since
    GROUP BY u.instance, u.provider ORDER BY u.instance, u.provider;
END $$;
