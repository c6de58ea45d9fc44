# Types into an interactive bash with a terminal of its own, from which `script` passes on what is
# typed here. Escape and `*` insert all completions; Ctrl-A goes to the beginning of the line and
# Ctrl-E to its end, so that the words are printed instead of run.
printf '%s\n' 'PS1=; source ./completions' >typed
printf '%s\033*\001printf "%%s\\n" \005 >offered\nexit\n' "$1" >>typed
exec script -qec 'bash --norc --noprofile -i' /dev/null <typed >terminal 2>&1
