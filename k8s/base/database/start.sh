#!/usr/bin/env bash
# Starts PostgreSQL: on an empty volume with a new database, and every time with the password that the Secret holds now,
# so that data which outlived its Secret still opens.
set -euo pipefail

# alone DATA SQL: runs SQL without a server. An error ends it, and the SQL is in no log. Started by this very shell, not in
# a pipe: after a crash, PostgreSQL takes a lock file that names its parent process for a stale one, and any other not.
alone() {
    postgres --single -D "$1" -c exit_on_error=on -c log_min_error_statement=panic postgres <<< "$2" > /dev/null
}

if [[ ! -e $PGDATA ]]; then
    # Made under another name first, so that it is whole or not there.
    rm -rf "$PGDATA.unfinished"
    initdb --pgdata="$PGDATA.unfinished" --username=postgres --auth=reject --no-instructions --data-checksums \
        --encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8
    alone "$PGDATA.unfinished" $'CREATE ROLE bookshelf LOGIN;\nCREATE DATABASE bookshelf OWNER bookshelf;'
    mv "$PGDATA.unfinished" "$PGDATA"
fi

password=$(< "$POSTGRES_PASSWORD_FILE")
alone "$PGDATA" "ALTER ROLE bookshelf PASSWORD '${password//\'/\'\'}';"
unset password

exec postgres -c listen_addresses='*' -c hba_file="$(dirname "$0")/pg_hba.conf"
