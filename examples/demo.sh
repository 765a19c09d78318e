#!/bin/sh
# The main job in one minute, against the bundled sandbox: a definition, a plan, an apply, a file, an empty plan.
# Needs `iac` on the PATH (`make demo` sees to it). Makes a new project in .demo/, or in the empty folder DEMO_DIR.
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
demo=${DEMO_DIR:-$source/.demo}
[ -n "${DEMO_DIR:-}" ] || rm -rf "$demo"
mkdir -p "$demo"
if [ -n "$(ls -A "$demo")" ]; then echo "DEMO_DIR is not empty: $demo" >&2; exit 1; fi
mkdir "$demo/project"
cd "$demo/project"

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); fi
title() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
show() { printf '$ %s\n' "$*"; }
run() { show "$@"; "$@"; }

# The age identity that `iac init` makes belongs to the demo, not to the user.
export XDG_CONFIG_HOME="$demo/.config"
# The sandbox's login client. On a real IAM it comes from your shell or from the secret store of your CI.
export IAC_CLIENT_ID=admin-client-rw IAC_CLIENT_SECRET=secret

printf 'Starting a local INDIGO IAM ... '
: >../sandbox.log
iac sandbox --port "${DEMO_PORT:-0}" >../sandbox.log 2>&1 &
sandbox=$!
trap 'kill "$sandbox" 2>/dev/null || true' EXIT INT TERM
tries=0
until grep -q "  url " ../sandbox.log; do
  tries=$((tries + 1))
  if [ "$tries" -gt 100 ] || ! kill -0 "$sandbox" 2>/dev/null; then cat ../sandbox.log >&2; exit 1; fi
  sleep 0.1
done
issuer=$(sed -n 's/^ *url *//p' ../sandbox.log)
echo "$issuer"

title '1. Make a project, and define one client: Grafana.'
run iac -q init --project demo --issuer "$issuer"
run iac -q new portals/grafana --template grafana --set host=grafana.example.org
run cat clients.d/portals/grafana.yaml

title '2. Plan: see what would change. Nothing is sent.'
run iac plan

title '3. Apply: register the client and write its file. (It shows the plan again, which is left out here.)'
show iac apply --auto-approve
iac apply --auto-approve >../apply.log || { cat ../apply.log; exit 1; }
sed '1,/^Plan: /d' ../apply.log

title '4. The file that Grafana reads. (The secret is masked here.)'
show cat out/portals/grafana/grafana.ini
sed 's/^\(client_secret = \).*/\1********/' out/portals/grafana/grafana.ini

title '5. Plan again: the server holds what is defined.'
run iac plan

title 'What next?'
cat <<END
  Read what was made:         $demo/project
  Learn iac in ten minutes:   docs/tutorial/first-client.md
  Install iac:                README.md, "Install"
  Use it with your own IAM:   README.md, "The main job"
  Take over existing clients: docs/how-to/take-over-a-client.md
END
