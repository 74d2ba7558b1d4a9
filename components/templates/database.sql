-- One service's database and its two roles: the owner migrates, the app reads and writes. Safe to repeat.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
{% for role, verifier in roles.items() %}
SELECT 'CREATE ROLE "{{ role }}" LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{{ role }}') \gexec
ALTER ROLE "{{ role }}" PASSWORD '{{ verifier }}' CONNECTION LIMIT {{ connections }} NOSUPERUSER NOCREATEDB NOCREATEROLE;
{% endfor %}
SELECT 'CREATE DATABASE "{{ database }}" OWNER "{{ database }}_owner"'
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{{ database }}') \gexec
REVOKE ALL ON DATABASE "{{ database }}" FROM PUBLIC;
GRANT CONNECT ON DATABASE "{{ database }}" TO "{{ database }}_app";
\connect "{{ database }}"
SET client_min_messages = warning;
ALTER SCHEMA public OWNER TO "{{ database }}_owner";
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO "{{ database }}_app";
ALTER DEFAULT PRIVILEGES FOR ROLE "{{ database }}_owner" IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO "{{ database }}_app";
ALTER DEFAULT PRIVILEGES FOR ROLE "{{ database }}_owner" IN SCHEMA public
  GRANT USAGE, SELECT ON SEQUENCES TO "{{ database }}_app";
