api() { curl --silent --show-error --fail-with-body --header "PRIVATE-TOKEN: $IAC_GITLAB_TOKEN" "$@"; }
project="$CI_API_V4_URL/projects/$CI_PROJECT_ID"
work=$(mktemp -d)
