#!/bin/sh
# Makes the files that docker-compose.yml takes as secrets, once: those that are there stay. Usage: sh docker/secrets.sh [FOLDER]
set -eu
folder="${1:-$(dirname "$0")/secrets}"
mkdir -p "$folder"
# The folder keeps others of this machine out; the files must be readable for the users inside the containers.
chmod 700 "$folder"

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# make NAME CONTENT
make() { [ -s "$folder/$1" ] || printf '%s\n' "$2" >"$folder/$1"; }

make admin_key "$(random)"
make worker_key "$(random)"
make postgres_password "$(random)"
make steps_password "$(random)"
make database_url "postgresql://transient:$(cat "$folder/postgres_password")@postgres:5432/transient"
make connections "{\"default\": \"postgresql://steps:$(cat "$folder/steps_password")@postgres:5432/steps\"}"
chmod 644 "$folder"/*
echo "the admin key: $folder/admin_key"
