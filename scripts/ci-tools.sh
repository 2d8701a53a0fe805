#!/usr/bin/env bash
# Installs what the tests need beyond Python, where it can be had: Chromium for the sandbox's page, helm and kustomize.
set -euo pipefail

if ! command -v chromium >/dev/null; then
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] && apt-get update -qq; then
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null || true
  fi
  command -v chromium >/dev/null || echo "NO CHROMIUM: the tests of the sandbox's page will be skipped" >&2
fi

# helm for deploy/helm, and kustomize where there is no kubectl: built once, kept outside the clone. The control plane is not built
# here (`make apiserver`, ten minutes); where it is, its tests run.
python="$(command -v python3.11 || command -v python3)"
"$python" scripts/go_tools.py --limit-s 420 helm || echo "NO HELM: the tests of the chart will be skipped" >&2
if ! "$python" scripts/go_tools.py --found kubectl >/dev/null && ! "$python" scripts/go_tools.py --limit-s 300 kustomize; then
  echo "NEITHER kubectl NOR kustomize: make check will fail in CI" >&2
fi

# promtool and prometheus for the alerts: unpacked outside the clone, without root.
cache="${XDG_CACHE_HOME:-$HOME/.cache}/ferry/prometheus"
if ! command -v promtool >/dev/null && [ ! -x "$cache/usr/bin/promtool" ] && command -v apt-get >/dev/null; then
  where="$(mktemp -d)"
  (cd "$where" && apt-get download -qq prometheus 2>/dev/null && mkdir -p "$cache" && dpkg-deb -x prometheus_*.deb "$cache") ||
    echo "NO PROMTOOL: the tests of the alerts will be skipped" >&2
  rm -rf "$where"
fi
