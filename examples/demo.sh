#!/bin/sh
# The main job against the bundled sandbox: validate, plan, apply, render, verify, plan again (no changes).
# Needs `iac` on the PATH (`make demo` sees to it). Works on a copy of the demo project in .demo/.
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
demo=${DEMO_DIR:-$source/.demo}
port=${DEMO_PORT:-0}

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
run() { say "$@"; "$@"; }

rm -rf "$demo"
mkdir -p "$demo"
cp -R "$source/iac.yaml" "$source/clients.d" "$source/templates" "$demo/"
cd "$demo"
export XDG_CONFIG_HOME="$demo/.config"

say iac sandbox --port "$port"
iac sandbox --port "$port" >sandbox.log 2>&1 &
sandbox=$!
trap 'kill "$sandbox" 2>/dev/null || true' EXIT INT TERM
tries=0
until grep -q "  url " sandbox.log; do
  tries=$((tries + 1))
  if [ "$tries" -gt 100 ] || ! kill -0 "$sandbox" 2>/dev/null; then cat sandbox.log >&2; exit 1; fi
  sleep 0.1
done
issuer=$(sed -n 's/^ *url *//p' sandbox.log)
echo "a local INDIGO IAM answers at $issuer"

# The project is written for http://localhost:8080/; the demo's sandbox took a free port.
sed "s|^issuer: .*|issuer: $issuer|" iac.yaml >iac.yaml.new && mv iac.yaml.new iac.yaml
# The sandbox's login client; on a real IAM these come from your CI's secret store.
export IAC_CLIENT_ID=admin-client-rw IAC_CLIENT_SECRET=secret

run iac state init
run iac validate
run iac whoami
run iac plan
run iac apply --auto-approve
run iac render --check
run iac verify
say 'rendered files'
for file in $(find out -type f | sort); do
  printf '\n--- %s\n' "$file"
  cat "$file"
done
run iac plan
