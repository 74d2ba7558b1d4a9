# A database's columns, one a line: what code must find, and what it must fill in.
# usage: schema.sh POSTGRES DATABASE
docker exec "$1" psql -qXAt -v ON_ERROR_STOP=1 -U postgres -d "$2" -c "
    SELECT table_schema || '.' || table_name || '.' || column_name || ' ' || udt_name || CASE
        WHEN is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' AND is_generated = 'NEVER'
        THEN ' required' ELSE '' END
    FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
