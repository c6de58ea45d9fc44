# fish says itself what it would offer, with a description behind a tab.
source ./completions
complete -C "$argv[1]" | string replace --regex '\t.*' '' >offered
