#!/usr/bin/env bash
# Installs what the tests need beyond Python, where the system's packages can be had: Chromium for the sandbox's page.
set -euo pipefail

if command -v chromium >/dev/null; then
  exit 0
fi
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] && apt-get update -qq; then
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null || true
fi
command -v chromium >/dev/null || echo "NO CHROMIUM: the tests of the sandbox's page will be skipped" >&2
