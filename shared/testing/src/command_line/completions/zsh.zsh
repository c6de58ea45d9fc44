# Types into an interactive zsh with a terminal of its own, in which `compadd` also writes down what
# it offers, and which ends after the first completion.
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner '
PROMPT=
autoload -Uz compinit; compinit -u -D
source ./completions
bindkey "^I" complete-word
compadd() {
    local -a words
    builtin compadd -A words "$@"
    print -rl -- $words >>offered
    builtin compadd "$@"
}
leave() { exit }
comppostfuncs=(leave)
'
zpty -w -n inner "$1"$'\t'
while zpty -r inner printed; do :; done
