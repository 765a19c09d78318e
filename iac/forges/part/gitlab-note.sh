me=$(api "$CI_API_V4_URL/user" | jq --raw-output .username)
export me
# Print this user's note that begins with MARK, as JSON; nothing if there is none.
find_note() {
  page=1
  while :; do
    api "$project/merge_requests/$1/notes?per_page=100&page=$page" >"$work/notes.json"
    test "$(jq length "$work/notes.json")" -gt 0 || return 0
    jq --compact-output '[.[] | select(.author.username == env.me and (.body | startswith(env.MARK + " ")))] | first // empty' \
      "$work/notes.json" >"$work/note.json"
    if test -s "$work/note.json"; then cat "$work/note.json"; return 0; fi
    page=$((page + 1))
  done
}
# Write the text of file $2 to the one note of merge request $1 that begins with MARK.
keep_note() {
  jq --null-input --rawfile body "$2" '{body: $body}' >"$work/body.json"
  note=$(find_note "$1" | jq .id)
  if test -n "$note"; then set -- PUT "$project/merge_requests/$1/notes/$note"; else set -- POST "$project/merge_requests/$1/notes"; fi
  api --request "$1" --header 'Content-Type: application/json' --data "@$work/body.json" "$2" >"$work/answer.json"
}
