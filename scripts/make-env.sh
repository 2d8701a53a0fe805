#!/bin/sh
# Makes .env for docker compose: every password random, a file that only its owner reads. It changes no .env that is there.
set -eu
cd "$(dirname "$0")/.."
file=${1:-.env}
if [ -e "$file" ]; then echo "make-env: $file is there already; remove it first, or give another name" >&2; exit 1; fi
umask 077
random() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }
set -C # a file that appeared meanwhile is not overwritten
{
    echo "# Made by scripts/make-env.sh; .env.example says what else may stand here."
    for user in SYS TOPOLOGY AUTH REGISTRY TELEMETRY OTOSENSE CONSOLE OPERATOR; do
        echo "FERRY_NATS_${user}_PASSWORD=p$(random 24)" # a letter in front: nats-server reads digits alone as a number
    done
    echo "FERRY_AUTH__ENCRYPTION_KEY=$(random 32)"
    echo "FERRY_CONSOLE_TOKEN=$(random 24)" # what the operator signs in with
} >"$file"
echo "make-env: $file made. Next: docker compose up -d --wait"
