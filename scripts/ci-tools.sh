#!/usr/bin/env bash
# Installs what the tests need beyond Python, where it can be had: Chromium for the sandbox's page, kustomize for deploy/k8s.
set -euo pipefail

KUSTOMIZE=sigs.k8s.io/kustomize/kustomize/v5@v5.7.1
bin="${XDG_CACHE_HOME:-$HOME/.cache}/ferry/bin" # outside the clone: kept from run to run

if ! command -v chromium >/dev/null; then
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] && apt-get update -qq; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null || true
  fi
  command -v chromium >/dev/null || echo "NO CHROMIUM: the tests of the sandbox's page will be skipped" >&2
fi

if ! command -v kubectl kustomize >/dev/null && ! test -x "$bin/kustomize"; then
  if command -v go >/dev/null; then
    CGO_ENABLED=0 GOBIN="$bin" timeout 300 go install "$KUSTOMIZE" || true
  fi
  test -x "$bin/kustomize" || echo "NEITHER kubectl NOR kustomize: make check will fail in CI" >&2
fi
