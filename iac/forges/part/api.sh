api() { curl --silent --show-error --fail-with-body --header "Authorization: Bearer $GITHUB_TOKEN" "$@"; }
repository="$GITHUB_API_URL/repos/$GITHUB_REPOSITORY"
