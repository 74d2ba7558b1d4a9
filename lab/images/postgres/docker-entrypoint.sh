#!/bin/bash
# As the official image does: fill an empty data directory, then run the server.
set -eu

if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    if [ -z "${POSTGRES_PASSWORD_FILE:-}" ]; then
        echo "$PGDATA is empty, and POSTGRES_PASSWORD_FILE does not name the file that holds the new password." >&2
        exit 1
    fi
    # Made beside and moved in, PG_VERSION last: a start that was killed begins anew.
    mkdir -p -m 0700 "$PGDATA"
    find "$PGDATA" -mindepth 1 -delete
    # shellcheck disable=SC2086 # several arguments on purpose
    initdb --pgdata="$PGDATA/new" --username="${POSTGRES_USER:-postgres}" --pwfile="$POSTGRES_PASSWORD_FILE" \
        --encoding=UTF8 --auth-local=trust --auth-host=scram-sha-256 ${POSTGRES_INITDB_ARGS:-}
    echo "host all all all scram-sha-256" >> "$PGDATA/new/pg_hba.conf"
    find "$PGDATA/new" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv -t "$PGDATA" {} +
    mv "$PGDATA/new/PG_VERSION" "$PGDATA"
    rmdir "$PGDATA/new"
    sync
fi
if [ "$1" = postgres ]; then
    # This build's own default is /tmp; clients look here.
    set -- postgres -c unix_socket_directories=/var/run/postgresql "${@:2}"
fi
exec "$@"
