#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, then becomes the pinned Node running the given script: scripts/wrought.sh SCRIPT [ARGUMENT...]
set -e
cd "$(dirname "$0")/.."
if [ ! -x node_modules/.bin/node ] || [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "Installing packages..." >&2
  # Warnings speak of the Node that starts npm, which runs nothing here.
  npm install --no-audit --no-fund --loglevel=error >&2
  touch node_modules/.package-lock.json
fi
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
exec node_modules/.bin/node "$@"
