#!/bin/sh
# Runs once, on an empty volume. The database that postgres steps use as "default", under a user of its own: playbooks must
# not reach the product's database.
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  -v password="$(cat "$STEPS_PASSWORD_FILE")" -v owner="$POSTGRES_DB" <<'SQL'
CREATE ROLE steps LOGIN PASSWORD :'password';
CREATE DATABASE steps OWNER steps;
REVOKE CONNECT ON DATABASE :"owner" FROM PUBLIC;
SQL
