#!/usr/bin/env bash
# Backups of the database in FOLDER, by the first argument:
#   backup        writes one, checks it, and then removes those that are older than KEEP_DAYS
#   list          prints the names of those that there are
#   restore NAME  puts what is in one in place of all that the database has
set -euo pipefail

fail() {
    echo "backup: $1" >&2
    exit 1
}

query() { psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=on "$@" "$DATABASE_URL"; }

# count FILE: reads all of a dump, which finds damage anywhere in it, and prints how many books it has.
count() {
    pg_restore --file=- "$1" | awk '
        /^\\\.$/ { inside = 0 }
        inside { books++ }
        /^COPY public\.books / { inside = 1 }
        END { print books + 0 }'
}

backup() {
    local name unfinished snapshot books dumped
    name=bookshelf-$(date --utc +%Y%m%dT%H%M%SZ).dump
    unfinished=$FOLDER/unfinished
    trap 'rm -f "$FOLDER/unfinished"' EXIT
    # This session lends its snapshot to pg_dump, so that both see the same books, whatever is written meanwhile.
    coproc session { query; }
    echo 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
        SELECT pg_export_snapshot(); SELECT count(*) FROM books;' >&"${session[1]}"
    read -r snapshot <&"${session[0]}" || fail 'the database does not answer'
    read -r books <&"${session[0]}" || fail 'the database has no table of books'
    pg_dump --format=custom --snapshot="$snapshot" --file="$unfinished" "$DATABASE_URL"
    dumped=$(count "$unfinished")
    [[ $dumped == "$books" ]] || fail "the dump has $dumped books, and the database has $books"
    sync "$unfinished"
    mv "$unfinished" "$FOLDER/$name"
    sync "$FOLDER"
    echo "$name: $books books, $(stat --format=%s "$FOLDER/$name") bytes"
    find "$FOLDER" -maxdepth 1 -name 'bookshelf-*.dump' -mmin +$((KEEP_DAYS * 24 * 60)) -delete -printf '%f: removed\n'
}

list() { find "$FOLDER" -maxdepth 1 -name 'bookshelf-*.dump' -printf '%f\n' | sort; }

restore() {
    local file=$FOLDER/$1
    [[ $1 == bookshelf-*.dump && $1 != */* && -f $file ]] || fail "there is no $1"
    count "$file" > /dev/null # Before anything is dropped.
    # One transaction. Without its last line, as when pg_restore fails, it never was.
    {
        echo "BEGIN; SET LOCAL lock_timeout = '30s'; DROP OWNED BY CURRENT_USER;"
        pg_restore --no-owner --no-privileges --file=- "$file"
        echo 'COMMIT;'
    } | query --output=/dev/null
    echo "$1: $(query --command='SELECT count(*) FROM books') books"
}

PGPASSWORD=$(< "$DATABASE_PASSWORD_FILE")
export PGPASSWORD PGCONNECT_TIMEOUT=10
exec {lock}< "$FOLDER"
flock --wait 60 "$lock" || fail 'another backup is running'
"$@"
