#!/bin/sh
# Services' own loaders into a folder: from the registries of Python, Go and Maven, and from Debian's packages.
# What cannot be installed is named and ends this script: no loader is left out silently.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
into=$1
python=${PYTHON:-python3}
thrice() { sh "$here/../thrice.sh" "$@"; }
mkdir -p "$into/bin"

"$python" -m venv "$into/venv"
thrice "$into/venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
thrice "$into/venv/bin/python" -m pip install --quiet --disable-pip-version-check 'rucio>=41,<42' oauthenticator diraccfg htcondor
"$into/venv/bin/python" -m pip list --disable-pip-version-check --format freeze | grep -i -E '^(rucio|oauthenticator|diraccfg|htcondor)='

export DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\nexit 101\n' >"$into/policy" && chmod 755 "$into/policy" # no service is started by its package
[ -e /usr/sbin/policy-rc.d ] || cp "$into/policy" /usr/sbin/policy-rc.d
packages='apache2-bin libapache2-mod-auth-openidc mariadb-server-core mariadb-client-core oidc-agent-cli'
# shellcheck disable=SC2086
{ thrice apt-get -qq update && thrice apt-get -qq install --no-install-recommends $packages; } >"$into/apt.log" 2>&1 \
  || { cat "$into/apt.log" >&2; echo 'packages of Debian cannot be installed: this needs root on Debian' >&2; exit 1; }
if cmp -s "$into/policy" /usr/sbin/policy-rc.d; then rm /usr/sbin/policy-rc.d; fi

cp -R "$here/go" "$into/go-source"
(cd "$into/go-source" && thrice env GOPATH="$into/go" GOFLAGS=-modcacherw sh -c 'go mod tidy && go build -o ../bin/ ./...') >"$into/go.log" 2>&1 \
  || { cat "$into/go.log" >&2; exit 1; }
go version -m "$into/bin/oauth2proxy" | grep -E 'dep.*oauth2-proxy' | cut -f3,4

cp -R "$here/spring" "$into/spring"
(cd "$into/spring" && thrice mvn -q -B -Dmaven.repo.local="$into/m2" dependency:copy-dependencies -DoutputDirectory=lib) >"$into/mvn.log" 2>&1 \
  || { cat "$into/mvn.log" >&2; exit 1; }
echo "$into"/spring/lib/spring-boot-[0-9]*.jar | sed 's/.*\///'
