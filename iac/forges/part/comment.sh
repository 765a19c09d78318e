jq --null-input --rawfile body "$RUNNER_TEMP/body.md" '{body: $body}' >"$RUNNER_TEMP/body.json"
comment='' page=1
while test -z "$comment"; do
  api "$repository/issues/$NUMBER/comments?per_page=100&page=$page" >"$RUNNER_TEMP/comments.json"
  test "$(jq length "$RUNNER_TEMP/comments.json")" -gt 0 || break
  comment=$(jq --raw-output '[.[] | select(.user.login == "github-actions[bot]" and (.body | startswith(env.MARK))) | .id]
    | first // empty' "$RUNNER_TEMP/comments.json")
  page=$((page + 1))
done
if test -n "$comment"; then
  api --request PATCH --data "@$RUNNER_TEMP/body.json" "$repository/issues/comments/$comment"
else
  api --request POST --data "@$RUNNER_TEMP/body.json" "$repository/issues/$NUMBER/comments"
fi >"$RUNNER_TEMP/answer.json"
