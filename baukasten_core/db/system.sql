-- Every function of the system role: the only way across tenants. This file is all of them.
-- They are dropped and created anew at each migration, owned by the role `system`, which sees
-- every row and can't log in; the app role may call them and nothing else of it. So each does one
-- thing, answers the least that will do, and never takes SQL from its arguments.
--
-- Each needs: SECURITY DEFINER and SET search_path = pg_catalog, core.

-- Bind the transaction to a live session of an active user, and to a tenant of theirs (their own
-- unless another is named). No row: the session has ended, or the tenant is not theirs.
CREATE FUNCTION core.open_session(p_session uuid, p_tenant uuid)
RETURNS TABLE (user_id uuid, tenant_id uuid, email text, role text, is_admin boolean,
               is_verified boolean, language text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, core AS $$
BEGIN
    RETURN QUERY
    SELECT u.id, m.tenant_id, u.email, m.role, u.is_admin, u.is_verified, u.language
    FROM sessions s JOIN users u ON u.id = s.user_id JOIN memberships m ON m.user_id = u.id
    JOIN tenants t ON t.id = m.tenant_id
    WHERE s.id = p_session AND s.expires_at > now() AND u.is_active
      AND CASE WHEN p_tenant IS NULL THEN t.personal_of = u.id ELSE t.id = p_tenant END;
    IF FOUND THEN
        PERFORM set_config('baukasten.user_id', s.user_id::text, true),
                set_config('baukasten.tenant_id',
                           coalesce(p_tenant, t.id)::text, true)
        FROM sessions s JOIN tenants t ON t.personal_of = s.user_id WHERE s.id = p_session;
    END IF;
END $$;
