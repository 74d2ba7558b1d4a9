-- Only the app's role with the current password stays.
\set ON_ERROR_STOP on
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE usename ~ '^{{ database }}_app_[0-9]+$' AND usename <> '{{ current }}';
SELECT format('DROP ROLE %I', rolname) FROM pg_roles
  WHERE rolname ~ '^{{ database }}_app_[0-9]+$' AND rolname <> '{{ current }}' \gexec
