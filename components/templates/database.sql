-- One service's database. Its owner migrates; the app's roles read and write, one role for each password that is
-- valid. Safe to repeat.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SELECT 'CREATE ROLE "{{ database }}_app" NOLOGIN'
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{{ database }}_app') \gexec
{% for role in roles %}
SELECT 'CREATE ROLE "{{ role.name }}" LOGIN'
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{{ role.name }}') \gexec
ALTER ROLE "{{ role.name }}" PASSWORD '{{ role.verifier }}' CONNECTION LIMIT {{ role.connections }}
  NOSUPERUSER NOCREATEDB NOCREATEROLE;
{% if role.app %}
GRANT "{{ database }}_app" TO "{{ role.name }}";
{% endif %}
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
