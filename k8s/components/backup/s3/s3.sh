#!/usr/bin/env bash
# What is done in S3 before or after backup.sh, whose arguments follow the first one: before|after COMMAND [NAME]
set -euo pipefail

list() {
    local name
    aws s3api list-objects-v2 --bucket "$BUCKET" --prefix bookshelf- --query 'Contents[].[Key]' --output text |
        while read -r name; do
            if [[ $name == bookshelf-*.dump ]]; then echo "$name"; fi
        done
}

store() {
    local file name names oldest
    for file in "$FOLDER"/bookshelf-*.dump; do
        aws s3 cp --only-show-errors "$file" "s3://$BUCKET/" # It gives S3 a checksum, which S3 compares.
        echo "s3://$BUCKET/${file##*/}: stored"
    done
    printf -v oldest 'bookshelf-%(%Y%m%dT%H%M%SZ)T' $((EPOCHSECONDS - KEEP_DAYS * 24 * 60 * 60))
    names=$(list)
    for name in $names; do
        if [[ $name < $oldest ]]; then
            aws s3 rm --only-show-errors "s3://$BUCKET/$name"
            echo "$name: removed"
        fi
    done
}

export TZ=UTC LC_ALL=C
case "$1 $2" in
    'after backup') store ;;
    'after list') list ;;
    'before restore') aws s3 cp --only-show-errors "s3://$BUCKET/$3" "$FOLDER/" ;;
esac
