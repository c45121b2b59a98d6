"""HAProxy made safe: Ray writes its configuration, we rewrite it before it is read."""
