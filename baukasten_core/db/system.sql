-- Every function of the system role: the only way across tenants. This file is all of them.
-- They are dropped and created anew at each migration, owned by the role `system`, which sees
-- every row and can't log in; the app role may call them and nothing else of it. So each does one
-- thing, answers the least that will do, and never takes SQL from its arguments.
--
-- Each needs: SECURITY DEFINER and SET search_path = pg_catalog, core, pg_temp: what is not named
-- there comes first, and the app role may make temporary tables of any name.

-- === Who is asking ==============================================================================

-- The user this transaction is bound to; NULL when it is bound to nobody.
CREATE FUNCTION core.caller() RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT NULLIF(current_setting('baukasten.user_id', true), '')::uuid
$$;

-- Whether the transaction's user is an active admin of the platform.
CREATE FUNCTION core.caller_is_admin() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT EXISTS (SELECT FROM core.users WHERE id = core.caller() AND is_admin AND is_active)
$$;

-- The transaction's user's role in a tenant; NULL when not a member.
CREATE FUNCTION core.caller_role(p_tenant uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT role FROM core.memberships WHERE tenant_id = p_tenant AND user_id = core.caller()
$$;

-- Bind the transaction to an active user, and to a tenant of theirs (their own unless another is
-- named). No row: no such active user. tenant_id NULL: not a member of that tenant, nothing bound.
CREATE FUNCTION core.open_user(p_user uuid, p_tenant uuid)
RETURNS TABLE (user_id uuid, tenant_id uuid, email text, role text, is_admin boolean,
               language text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
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
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT o.* FROM core.sessions s, core.open_user(s.user_id, p_tenant) o
    WHERE s.id = p_session AND s.expires_at > now()
$$;

-- The same by an API key's hash, in the key's own tenant, and bound to the key's project if it has
-- one. tenant_id NULL: another tenant was named.
CREATE FUNCTION core.open_api_key(p_hash bytea, p_tenant uuid)
RETURNS TABLE (user_id uuid, tenant_id uuid, email text, role text, is_admin boolean,
               language text, api_key_id uuid, scopes text[], project_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
DECLARE
    v_key api_keys;
BEGIN
    SELECT * INTO v_key FROM api_keys k
    WHERE k.key_hash = p_hash AND (k.expires_at IS NULL OR k.expires_at > now());
    IF NOT FOUND THEN RETURN; END IF;
    IF v_key.used_at IS NULL OR v_key.used_at < now() - interval '1 minute' THEN
        UPDATE api_keys k SET used_at = now() WHERE k.id = v_key.id;
    END IF;
    PERFORM set_config('baukasten.project_id', coalesce(v_key.project_id::text, ''), true);
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
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
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
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT id, password_hash, is_active, is_verified, language
    FROM core.users WHERE email = p_email
$$;

-- The account that an identity of another provider belongs to.
CREATE FUNCTION core.find_identity(p_issuer text, p_subject text)
RETURNS TABLE (user_id uuid, is_active boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT u.id, u.is_active FROM core.identities i JOIN core.users u ON u.id = i.user_id
    WHERE i.issuer = p_issuer AND i.subject = p_subject
$$;

-- Exchange a refresh token. Answers the session's user; NULL: no such live session, or the token
-- was used before, and then the session has ended with this call.
CREATE FUNCTION core.rotate_session(p_session uuid, p_family bytea, p_old bytea, p_new bytea,
                                    p_lifetime interval)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
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

-- Whose session a refresh token belongs to that is shown again and again (a browser's cookie).
-- One that was exchanged for another is good for nothing here, and ends nothing.
CREATE FUNCTION core.renew_session(p_session uuid, p_family bytea, p_once bytea) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    UPDATE core.sessions s SET used_at = now() FROM core.users u
    WHERE s.id = p_session AND s.family_hash = p_family AND s.refresh_hash = p_once
      AND s.expires_at > now() AND u.id = s.user_id AND u.is_active
    RETURNING u.id
$$;

-- Whether a mailed token would be taken now. Nothing is used up, and nobody is named.
CREATE FUNCTION core.mail_token_is_good(p_hash bytea, p_purpose text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT EXISTS (SELECT FROM core.mail_tokens m JOIN core.users u ON u.id = m.user_id
                   WHERE m.token_hash = p_hash AND m.purpose = p_purpose AND m.expires_at > now()
                     AND u.is_active)
$$;

-- Use up a mailed token: it proves that the address is its user's, so the address is verified.
-- No row: unknown, used or too old. was_verified is what it was before.
CREATE FUNCTION core.take_mail_token(p_hash bytea, p_purpose text)
RETURNS TABLE (user_id uuid, was_verified boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
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
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
BEGIN
    UPDATE users SET is_verified = false WHERE id = caller();
    DELETE FROM mail_tokens WHERE user_id = caller();
END $$;

-- === Attempts, counted across replicas ==========================================================

-- Count one attempt. Answers 0 when it is within the limit, else the seconds to wait.
CREATE FUNCTION core.take_attempt(p_key bytea, p_limit integer, p_window interval)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
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
-- From where the account's owner has signed in before, strangers' attempts do not count. Behind
-- one address there may be many people, so it has a limit of its own.
CREATE FUNCTION core.begin_sign_in(p_address bytea, p_account bytea, p_pair bytea, p_known bytea,
                                   p_limit integer, p_address_limit integer, p_window interval)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
DECLARE
    v_key bytea := p_account;
BEGIN
    IF EXISTS (SELECT FROM attempts WHERE key = p_known AND until > now()) THEN
        v_key := p_pair;
    END IF;
    RETURN greatest(take_attempt(p_address, p_address_limit, p_window),
                    take_attempt(v_key, p_limit, p_window));
END $$;

-- The sign-in was right: it was no failed attempt, the account's count starts anew, and this
-- address is known for a while.
CREATE FUNCTION core.end_sign_in(p_address bytea, p_account bytea, p_pair bytea, p_known bytea,
                                 p_known_for interval)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
BEGIN
    UPDATE attempts SET count = greatest(count - 1, 0) WHERE key = p_address;
    DELETE FROM attempts WHERE key IN (p_account, p_pair);
    INSERT INTO attempts (key, count, until) VALUES (p_known, 0, now() + p_known_for)
    ON CONFLICT (key) DO UPDATE SET until = excluded.until;
END $$;

-- Forget what has run out: attempts, sessions, links, invitations, keys. Answers how many rows.
CREATE FUNCTION core.delete_expired_accounts() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
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
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
BEGIN
    INSERT INTO tenants (id, name, residency) VALUES (p_tenant, p_name, p_residency);
    INSERT INTO memberships (tenant_id, user_id, role) VALUES (p_tenant, caller(), 'owner');
END $$;

-- Change a tenant's name or residency (NULL: as it is); its owners may.
CREATE FUNCTION core.update_tenant(p_tenant uuid, p_name text, p_residency text[]) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
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
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT m.user_id, u.email, m.role, m.created_at
    FROM core.memberships m JOIN core.users u ON u.id = m.user_id
    WHERE m.tenant_id = p_tenant AND core.caller_role(p_tenant) IS NOT NULL
    ORDER BY m.created_at, m.user_id
$$;

-- Change a member's role. Owners may change everybody's, admins those of admins and members;
-- one owner always stays.
CREATE FUNCTION core.set_member_role(p_tenant uuid, p_user uuid, p_role text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
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
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
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
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
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
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT * FROM core.users
    WHERE core.caller_is_admin()
      AND (p_search IS NULL OR position(p_search IN email) > 0)
      AND (p_before IS NULL OR (created_at, id) < (p_before, p_before_id))
    ORDER BY created_at DESC, id DESC LIMIT p_limit
$$;

CREATE FUNCTION core.admin_user(p_user uuid) RETURNS SETOF core.users
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT * FROM core.users WHERE id = p_user AND core.caller_is_admin()
$$;

-- Change an account (NULL: as it is). The last active admin can't be demoted or deactivated; who
-- is deactivated or gets a new password is signed out everywhere. Links that were mailed to an
-- address that is not the account's any more are void.
CREATE FUNCTION core.admin_update_user(p_user uuid, p_email text, p_hash text, p_is_active boolean,
                                       p_is_verified boolean, p_is_admin boolean)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
DECLARE
    v_email text;
BEGIN
    IF NOT caller_is_admin() THEN RETURN 'forbidden'; END IF;
    IF (p_is_active IS false OR p_is_admin IS false) AND last_admin(p_user) THEN
        RETURN 'last_admin';
    END IF;
    SELECT email INTO v_email FROM users WHERE id = p_user FOR UPDATE;
    IF NOT FOUND THEN RETURN 'not_found'; END IF;
    UPDATE users SET
        email = coalesce(p_email, email),
        password_hash = coalesce(p_hash, password_hash),
        is_active = coalesce(p_is_active, is_active),
        is_verified = coalesce(p_is_verified, is_verified AND coalesce(p_email = email, true)),
        is_admin = coalesce(p_is_admin, is_admin),
        updated_at = now()
    WHERE id = p_user;
    IF p_is_active IS false OR p_hash IS NOT NULL THEN
        DELETE FROM sessions WHERE user_id = p_user;
    END IF;
    IF p_is_active IS false OR p_hash IS NOT NULL OR p_email <> v_email THEN
        DELETE FROM mail_tokens WHERE user_id = p_user;
    END IF;
    RETURN 'ok';
END $$;

-- Whether this is the only active admin. Locks the admins, so that two can't demote each other.
CREATE FUNCTION core.last_admin(p_user uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
BEGIN
    PERFORM FROM users WHERE is_admin AND is_active ORDER BY id FOR UPDATE;
    RETURN EXISTS (SELECT FROM users WHERE id = p_user AND is_admin AND is_active)
       AND NOT EXISTS (SELECT FROM users WHERE id <> p_user AND is_admin AND is_active);
END $$;

-- Delete an account and every tenant nobody else is in: oneself, or as an admin. A tenant that
-- would be left without an owner goes to its oldest admin, else its oldest member.
CREATE FUNCTION core.delete_user(p_user uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
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
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
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
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
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

-- The same in a period, with what it cost (millionths), by tenant, instance and model.
CREATE FUNCTION core.admin_spending(p_since timestamptz, p_until timestamptz)
RETURNS TABLE (tenant_id uuid, tenant text, instance text, model text, calls bigint,
               answered bigint, prompt_tokens bigint, completion_tokens bigint, cost numeric)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
BEGIN
    IF NOT caller_is_admin() THEN RETURN; END IF;
    RETURN QUERY
    SELECT u.tenant_id, t.name, u.instance, u.model, count(*),
           count(*) FILTER (WHERE u.outcome = 'answered'), sum(u.prompt_tokens),
           sum(u.completion_tokens), sum(u.cost)
    FROM llm_usage u JOIN tenants t ON t.id = u.tenant_id
    WHERE u.created_at >= p_since AND u.created_at < p_until
    GROUP BY u.tenant_id, t.name, u.instance, u.model ORDER BY t.name, 1, 3, 4;
END $$;

-- The same by everything it can be added up by, with whose it is; no text, no project's name.
CREATE FUNCTION core.admin_usage(p_since timestamptz, p_until timestamptz)
RETURNS TABLE (day date, user_id uuid, user_email text, project_id uuid, tenant_id uuid,
               tenant text, instance text, model text, calls bigint, answered bigint,
               prompt_tokens bigint, completion_tokens bigint, cost numeric)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
BEGIN
    IF NOT caller_is_admin() THEN RETURN; END IF;
    RETURN QUERY
    SELECT (date_trunc('day', l.created_at, 'UTC'))::date, l.user_id, u.email, l.project_id,
           l.tenant_id, t.name, l.instance, l.model, count(*),
           count(*) FILTER (WHERE l.outcome = 'answered'), sum(l.prompt_tokens),
           sum(l.completion_tokens), sum(l.cost)
    FROM llm_usage l JOIN tenants t ON t.id = l.tenant_id LEFT JOIN users u ON u.id = l.user_id
    WHERE l.created_at >= p_since AND l.created_at < p_until
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8;
END $$;

-- What came to the platform on each day (UTC) since a day, today included; for an admin.
CREATE FUNCTION core.admin_timeline(p_since date)
RETURNS TABLE (day date, users bigint, projects bigint, documents bigint, calls bigint,
               prompt_tokens bigint, completion_tokens bigint, cost numeric)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
BEGIN
    IF NOT caller_is_admin() THEN RETURN; END IF;
    RETURN QUERY
    WITH days AS (
        SELECT d::date AS at
        FROM generate_series(p_since::timestamp, now() AT TIME ZONE 'UTC', '1 day') d
    ), made AS (
        SELECT 'users' AS what, (u.created_at AT TIME ZONE 'UTC')::date AS at FROM users u
        UNION ALL SELECT 'projects', (r.created_at AT TIME ZONE 'UTC')::date FROM projects r
        UNION ALL SELECT 'documents', (d.created_at AT TIME ZONE 'UTC')::date FROM documents d
    ), counted AS (
        SELECT m.at, count(*) FILTER (WHERE what = 'users') AS users,
               count(*) FILTER (WHERE what = 'projects') AS projects,
               count(*) FILTER (WHERE what = 'documents') AS documents
        FROM made m WHERE m.at >= p_since GROUP BY m.at
    ), asked AS (
        SELECT (l.created_at AT TIME ZONE 'UTC')::date AS at, count(*) AS calls,
               sum(l.prompt_tokens)::bigint AS prompt_tokens,
               sum(l.completion_tokens)::bigint AS completion_tokens, sum(l.cost) AS cost
        FROM llm_usage l WHERE l.created_at >= p_since::timestamp AT TIME ZONE 'UTC' GROUP BY 1
    )
    SELECT days.at, coalesce(c.users, 0), coalesce(c.projects, 0), coalesce(c.documents, 0),
           coalesce(a.calls, 0), coalesce(a.prompt_tokens, 0), coalesce(a.completion_tokens, 0),
           coalesce(a.cost, 0)
    FROM days LEFT JOIN counted c ON c.at = days.at LEFT JOIN asked a ON a.at = days.at
    ORDER BY days.at;
END $$;

-- What processes that are gone had set aside for calls to language models: nobody has said for
-- five minutes that it is held still. It stays charged. For an admin.
CREATE FUNCTION core.admin_unsettled()
RETURNS TABLE (tenant_id uuid, meter text, period timestamptz, replica uuid, amount bigint,
               at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
BEGIN
    IF NOT caller_is_admin() THEN RETURN; END IF;
    RETURN QUERY SELECT l.tenant_id, l.meter, l.period, l.replica, l.amount, l.at
    FROM llm_leases l WHERE l.amount > 0 AND l.at < now() - interval '5 minutes' ORDER BY l.at;
END $$;

-- Settle one of them: as used, or as not. False: it is not there (any more).
CREATE FUNCTION core.admin_settle(p_tenant uuid, p_meter text, p_period timestamptz,
                                  p_replica uuid, p_used boolean)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
DECLARE
    v_amount bigint;
BEGIN
    IF NOT caller_is_admin() THEN RETURN false; END IF;
    DELETE FROM llm_leases l WHERE l.tenant_id = p_tenant AND l.meter = p_meter
        AND l.period = p_period AND l.replica = p_replica AND l.at < now() - interval '5 minutes'
    RETURNING l.amount INTO v_amount;
    IF NOT FOUND THEN RETURN false; END IF;
    IF p_used THEN
        UPDATE llm_meters m SET used = m.used + v_amount
        WHERE m.tenant_id = p_tenant AND m.meter = p_meter AND m.period = p_period;
    END IF;
    RETURN true;
END $$;

-- Settle as used what nobody has held for so long, and forget minutes that are over. Answers how
-- many were settled.
CREATE FUNCTION core.settle_dead_leases(p_after interval) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
DECLARE
    v_settled bigint;
BEGIN
    DELETE FROM llm_leases WHERE meter LIKE '%:minute' AND period < now() - interval '1 hour';
    DELETE FROM llm_meters WHERE meter LIKE '%:minute' AND period < now() - interval '1 hour';
    WITH dead AS (DELETE FROM llm_leases WHERE at < now() - p_after RETURNING *),
         sums AS (SELECT tenant_id, meter, period, sum(amount) AS amount, count(*) AS leases
                  FROM dead GROUP BY tenant_id, meter, period),
         settled AS (UPDATE llm_meters m SET used = m.used + s.amount FROM sums s
                     WHERE m.tenant_id = s.tenant_id AND m.meter = s.meter
                       AND m.period = s.period)
    SELECT coalesce(sum(leases), 0) INTO v_settled FROM sums;
    RETURN v_settled;
END $$;

-- === Privacy ====================================================================================
-- These reach the tables of every plugin, also of one that is gone. Names of tables and columns
-- come from PostgreSQL's catalogue, where core.data_map names them, and are quoted by format();
-- nothing else becomes SQL.

-- The tables on the data map that are there. `mine` is the condition for a user's rows, the user
-- being $1; where the owner's column is JSON (jobs), its member `user_id` counts. An invitation is
-- also its receiver's, but not before they have proved that the address is theirs.
CREATE FUNCTION core.mapped_tables()
RETURNS TABLE (plugin text, name text, relation regclass, mine text, exclude text[],
               retention_days integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT d.plugin, c.relname::text, c.oid::regclass,
           CASE WHEN c.oid = 'core.invitations'::regclass
                THEN '(user_id = $1 OR email = (SELECT u.email FROM core.users u'
                     ' WHERE u.id = $1 AND u.is_verified))'
                WHEN o.atttypid = 'jsonb'::regtype
                THEN format('%I->>''user_id'' = $1::text', o.attname)
                ELSE format('%I = $1', o.attname) END,
           d.exclude, d.retention_days
    FROM core.data_map d
    JOIN pg_class c ON c.relnamespace = to_regnamespace(quote_ident(d.plugin))
        AND c.relname LIKE replace(replace(d."table", '_', '\_'), '*', '%')
        AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    JOIN pg_attribute o ON o.attrelid = c.oid AND o.attname = d.owner_column AND NOT o.attisdropped
    ORDER BY d.plugin, c.relname
$$;

-- How many rows there are of a user, by table: for the user, or an admin who erases them.
CREATE FUNCTION core.held_about(p_user uuid) RETURNS TABLE (plugin text, name text, held bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
DECLARE
    v_table record;
BEGIN
    IF p_user IS DISTINCT FROM caller() AND NOT caller_is_admin() THEN RETURN; END IF;
    FOR v_table IN SELECT * FROM mapped_tables() LOOP
        plugin := v_table.plugin;
        name := v_table.name;
        EXECUTE format('SELECT count(*) FROM %s WHERE %s', v_table.relation, v_table.mine)
            INTO held USING p_user;
        RETURN NEXT;
    END LOOP;
END $$;

-- Every table on the map as an export describes it; columns that are never exported left out.
CREATE FUNCTION core.export_tables()
RETURNS TABLE (plugin text, name text, subject text, purpose text, legal_basis text,
               retention text, exported boolean, columns jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT t.plugin, t.name, d.subject, d.purpose, d.legal_basis, d.retention,
           NOT '*' = ANY (t.exclude),
           (SELECT jsonb_agg(jsonb_build_object('name', a.attname, 'type',
                                                format_type(a.atttypid, a.atttypmod),
                                                'nullable', NOT a.attnotnull) ORDER BY a.attnum)
            FROM pg_attribute a WHERE a.attrelid = t.relation AND a.attnum > 0
              AND NOT a.attisdropped AND NOT a.attname = ANY (t.exclude))
    FROM core.mapped_tables() t
    JOIN core.data_map d ON d.plugin = t.plugin
        AND t.name LIKE replace(replace(d."table", '_', '\_'), '*', '%')
    ORDER BY t.plugin, t.name
$$;

-- The rows of the transaction's user in one table of the map, in whatever tenant they are.
CREATE FUNCTION core.export_rows(p_plugin text, p_name text) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp
SET timezone = 'UTC' AS $$
DECLARE
    v_table record;
BEGIN
    FOR v_table IN SELECT * FROM mapped_tables() t
        WHERE t.plugin = p_plugin AND t.name = p_name AND NOT '*' = ANY (t.exclude)
    LOOP
        RETURN QUERY EXECUTE format('SELECT to_jsonb(t) - $2 FROM %s t WHERE %s',
                                    v_table.relation, v_table.mine)
            USING caller(), v_table.exclude;
    END LOOP;
END $$;

-- The files of a user, in whatever tenant they are: documents' originals, what showcases keep, and
-- those whose document is gone already but whose deletion still waits as a job
-- (documents.erase).
CREATE FUNCTION core.files_of(p_user uuid)
RETURNS TABLE (tenant_id uuid, project_id uuid, document_id uuid, filename text, stored boolean,
               deleted boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT d.tenant_id, d.project_id, d.id, d.filename, d.stored, false FROM core.documents d
    WHERE d.user_id = p_user AND (p_user = core.caller() OR core.caller_is_admin())
    UNION ALL
    SELECT f.tenant_id, f.project_id, f.id, f.filename, true, false FROM core.files f
    WHERE f.user_id = p_user AND (p_user = core.caller() OR core.caller_is_admin())
    UNION ALL
    SELECT (j.args->>'tenant_id')::uuid, (j.args->'ids'->>'project_id')::uuid,
           (j.args->'ids'->>'document_id')::uuid, NULL, true, true
    FROM jobs.procrastinate_jobs j
    WHERE j.task_name = 'documents.erase' AND j.args->>'user_id' = p_user::text
      AND (p_user = core.caller() OR core.caller_is_admin())
    ORDER BY 3
$$;

-- The tenants that go with a user: their own, and those nobody else is in.
CREATE FUNCTION core.tenants_that_go(p_user uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT t.id FROM core.tenants t
    WHERE (p_user = core.caller() OR core.caller_is_admin())
      AND (t.personal_of = p_user
           OR (EXISTS (SELECT FROM core.memberships m
                       WHERE m.tenant_id = t.id AND m.user_id = p_user)
               AND NOT EXISTS (SELECT FROM core.memberships m
                               WHERE m.tenant_id = t.id AND m.user_id <> p_user)))
$$;

-- Erasure, first step: the account is shut, so that nothing is added while files are deleted, and
-- a job can go on where this was interrupted. Answers 'ok', or why not.
CREATE FUNCTION core.begin_erasure(p_user uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
BEGIN
    IF p_user IS DISTINCT FROM caller() AND NOT caller_is_admin() THEN RETURN 'forbidden'; END IF;
    IF last_admin(p_user) THEN RETURN 'last_admin'; END IF;
    UPDATE users SET is_active = false, updated_at = now() WHERE id = p_user;
    IF NOT FOUND THEN RETURN 'not_found'; END IF;
    INSERT INTO erasures (user_id) VALUES (p_user) ON CONFLICT (user_id) DO NOTHING;
    RETURN 'ok';
END $$;

-- Erasure, last step: every row on the map, then the account. What it answers is the receipt, and
-- stands in the audit log from now on; it names nobody. An error, and nothing is erased, when a
-- row were left.
CREATE FUNCTION core.erase_user(p_user uuid, p_receipt uuid, p_files integer) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
DECLARE
    v_actor uuid := NULLIF(caller(), p_user);
    v_before jsonb;
    v_rows jsonb;
    v_left text;
    v_handed bigint;
    v_receipt jsonb;
BEGIN
    IF NOT EXISTS (SELECT FROM erasures e WHERE e.user_id = p_user)
       OR (v_actor IS NOT NULL AND NOT caller_is_admin()) THEN RETURN NULL; END IF;
    SELECT jsonb_object_agg(h.plugin || '.' || h.name, h.held) INTO v_before
    FROM held_about(p_user) h;
    v_handed := hand_over_projects(p_user);
    PERFORM erase_rows(p_user);
    UPDATE audit SET object_id = NULL WHERE object_id = p_user;
    PERFORM delete_user(p_user);
    SELECT jsonb_object_agg(h.plugin || '.' || h.name, jsonb_build_object(
               'before', coalesce(v_before->(h.plugin || '.' || h.name), '0'), 'after', h.held)),
           string_agg(h.plugin || '.' || h.name, ', ') FILTER (WHERE h.held > 0)
    INTO v_rows, v_left FROM held_about(p_user) h;
    IF v_left IS NOT NULL THEN
        RAISE EXCEPTION 'rows are left in %', v_left USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    v_receipt := jsonb_build_object(
        'receipt', p_receipt, 'erased_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        'subject', encode(sha256(convert_to(p_receipt || ':' || p_user, 'UTF8')), 'hex'),
        'rows', v_rows, 'files', p_files, 'projects_handed_over', v_handed, 'verified', true);
    INSERT INTO audit (id, user_id, action, outcome, details)
    VALUES (p_receipt, v_actor, 'user.erased', 'done', v_receipt);
    RETURN v_receipt;
END $$;

-- Projects of a user in tenants where others are go to the oldest owner, else admin, else member.
CREATE FUNCTION core.hand_over_projects(p_user uuid) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    WITH heirs AS (
        SELECT DISTINCT ON (m.tenant_id) m.tenant_id, m.user_id
        FROM core.memberships m JOIN core.tenants t ON t.id = m.tenant_id
        WHERE m.user_id <> p_user AND t.personal_of IS DISTINCT FROM p_user
        ORDER BY m.tenant_id, array_position(ARRAY['owner', 'admin', 'member'], m.role),
                 m.created_at, m.user_id
    ), handed AS (
        UPDATE core.projects p SET user_id = h.user_id FROM heirs h
        WHERE h.tenant_id = p.tenant_id AND p.user_id = p_user
          AND EXISTS (SELECT FROM core.erasures e WHERE e.user_id = p_user)
        RETURNING 1
    ) SELECT count(*) FROM handed
$$;

-- A user's rows in every table of the map, but those that go with the account itself. A row that
-- another one still refers to is tried again when that one is gone.
CREATE FUNCTION core.erase_rows(p_user uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
DECLARE
    v_table record;
    v_waiting regclass[] := '{}';
    v_blocked regclass[];
BEGIN
    IF NOT EXISTS (SELECT FROM erasures e WHERE e.user_id = p_user)
       OR (p_user IS DISTINCT FROM caller() AND NOT caller_is_admin()) THEN RETURN; END IF;
    LOOP
        v_blocked := '{}';
        FOR v_table IN SELECT * FROM mapped_tables() t
            WHERE NOT (t.plugin = 'core' AND t.name IN ('users', 'tenants', 'memberships',
                                                        'projects', 'audit', 'erasures'))
              AND (v_waiting = '{}' OR t.relation = ANY (v_waiting))
        LOOP
            BEGIN
                EXECUTE format('DELETE FROM %s WHERE %s', v_table.relation, v_table.mine)
                    USING p_user;
            EXCEPTION WHEN foreign_key_violation THEN
                v_blocked := v_blocked || v_table.relation;
            END;
        END LOOP;
        EXIT WHEN v_blocked = '{}';
        IF v_blocked = v_waiting THEN
            RAISE EXCEPTION 'rows of others refer to rows in %', v_blocked
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        v_waiting := v_blocked;
    END LOOP;
END $$;

-- A receipt by its id, for whoever holds it; it names nobody.
CREATE FUNCTION core.erasure_receipt(p_receipt uuid) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT details FROM core.audit WHERE id = p_receipt AND action = 'user.erased'
$$;

-- Accounts whose erasure began so long ago that it must have been interrupted. For the job that
-- goes on with them: no row in anybody's transaction.
CREATE FUNCTION core.interrupted_erasures(p_age interval) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT e.user_id FROM core.erasures e
    WHERE core.caller() IS NULL AND e.created_at < now() - p_age ORDER BY e.created_at
$$;

-- Delete what has been kept for as long as the map says (`retention_days`, by `created_at`), and
-- audit entries after p_audit_days. Answers what was deleted.
CREATE FUNCTION core.enforce_retention(p_audit_days integer)
RETURNS TABLE (plugin text, name text, deleted bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
DECLARE
    v_table record;
BEGIN
    FOR v_table IN
        SELECT t.plugin, t.name, t.relation, t.retention_days AS days FROM mapped_tables() t
        WHERE t.retention_days IS NOT NULL
        UNION ALL SELECT 'core', 'audit', 'core.audit'::regclass, greatest(p_audit_days, 1)
    LOOP
        EXECUTE format('DELETE FROM %s WHERE created_at < now() - make_interval(days => $1)',
                       v_table.relation) USING v_table.days;
        GET DIAGNOSTICS deleted = ROW_COUNT;
        plugin := v_table.plugin;
        name := v_table.name;
        RETURN NEXT;
    END LOOP;
END $$;

-- The audit log, newest first, for admins; a page ends before (p_before, p_before_id).
CREATE FUNCTION core.audit_entries(p_limit integer, p_before timestamptz, p_before_id uuid,
                                   p_action text, p_user uuid, p_since timestamptz,
                                   p_until timestamptz)
RETURNS SETOF core.audit
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT * FROM core.audit
    WHERE core.caller_is_admin()
      AND (p_action IS NULL OR starts_with(action, p_action))
      AND (p_user IS NULL OR user_id = p_user)
      AND (p_since IS NULL OR created_at >= p_since)
      AND (p_until IS NULL OR created_at < p_until)
      AND (p_before IS NULL OR (created_at, id) < (p_before, p_before_id))
    ORDER BY created_at DESC, id DESC LIMIT p_limit
$$;

-- === Moving to another embedding space ==========================================================
-- Private documents move with the others, so what finds and flips them sees them all; it answers
-- ids and counts. Not for anybody's transaction: the operator's commands and their job have no user.

-- How much is in which space: of a tenant, or of all.
CREATE FUNCTION core.spaces_in_use(p_tenant uuid)
RETURNS TABLE (tenant_id uuid, project_id uuid, space text, other_space text, documents bigint,
               chunks bigint, other_chunks bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT d.tenant_id, d.project_id, d.space, d.other_space, count(*), sum(d.chunk_count),
           sum(d.other_count)
    FROM core.documents d
    WHERE core.caller() IS NULL AND d.space IS NOT NULL AND d.status = 'ready'
      AND (p_tenant IS NULL OR d.tenant_id = p_tenant)
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
$$;

-- The moves of all tenants.
CREATE FUNCTION core.all_space_moves() RETURNS SETOF core.space_moves
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT * FROM core.space_moves WHERE core.caller() IS NULL ORDER BY created_at
$$;

-- Documents of a project (NULL: of none) that lack vectors in a space, and whose they are.
CREATE FUNCTION core.documents_to_move(p_tenant uuid, p_project uuid, p_space text, p_limit integer)
RETURNS TABLE (id uuid, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT d.id, d.user_id FROM core.documents d
    WHERE core.caller() IS NULL AND d.tenant_id = p_tenant
      AND d.project_id IS NOT DISTINCT FROM p_project AND d.status = 'ready'
      AND d.space <> p_space
      AND (d.other_space IS DISTINCT FROM p_space OR d.other_count < d.chunk_count)
    ORDER BY d.user_id, d.id LIMIT p_limit
$$;

-- Documents of a project (NULL: of none) that have vectors in a second space.
CREATE FUNCTION core.documents_in_two_spaces(p_tenant uuid, p_project uuid, p_limit integer)
RETURNS TABLE (id uuid, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
    SELECT d.id, d.user_id FROM core.documents d
    WHERE core.caller() IS NULL AND d.tenant_id = p_tenant
      AND d.project_id IS NOT DISTINCT FROM p_project AND d.other_space IS NOT NULL
    ORDER BY d.user_id, d.id LIMIT p_limit
$$;

-- From here on, the documents of a project (NULL: of none) that have all of their vectors in a
-- space are searched there, and its new documents go to p_new (NULL: to the default). Whoever
-- writes vectors holds the lock shared and looks after it where they go (documents/indexing.py).
CREATE FUNCTION core.flip_space(p_tenant uuid, p_project uuid, p_space text, p_new text)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core, pg_temp AS $$
DECLARE
    v_flipped bigint;
BEGIN
    IF core.caller() IS NOT NULL THEN RETURN 0; END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(coalesce(p_project, p_tenant)::text, 0));
    UPDATE core.documents d
    SET space = d.other_space, other_space = d.space, other_count = d.chunk_count
    WHERE d.tenant_id = p_tenant AND d.project_id IS NOT DISTINCT FROM p_project
      AND d.status = 'ready' AND d.other_space = p_space AND d.other_count = d.chunk_count;
    GET DIAGNOSTICS v_flipped = ROW_COUNT;
    UPDATE core.space_moves m SET space = p_new, flipped = true
    WHERE m.tenant_id = p_tenant AND m.project_id IS NOT DISTINCT FROM p_project;
    RETURN v_flipped;
END $$;
