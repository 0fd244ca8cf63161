#!/bin/sh
# Starts the replica: copies the primary once, then follows it by streaming.
set -eu

copy="$PGDATA.copy"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # A copy that was cut off has another name, so it is never mistaken for a whole one.
    rm -rf "$copy"
    PGPASSWORD="$REPLICATION_PASSWORD" pg_basebackup \
        --host="$PRIMARY_HOST" --username=replicator --pgdata="$copy" \
        --slot=replica --wal-method=stream --checkpoint=fast --write-recovery-conf
    chmod 700 "$copy"
    mv "$copy" "$PGDATA"
fi

exec postgres -c hot_standby=on
