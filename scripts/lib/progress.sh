#!/usr/bin/env bash
# Source this: steps that say what they do, how far they are and where their log lies.
#
#   steps NAME M               what follows are NAME 1/M … NAME M/M
#   step TITLE COMMAND…        runs the command with its output in build/log/NAME-TITLE.log; when it fails, shows the log's end
#                              and ends the script with its exit code
#   step -v TITLE COMMAND…     also shows the lines that the command prints
#   skip TITLE REASON          a step that cannot be done here
#
# Executed: progress.sh NAME TITLE COMMAND… is one verbose step.
#
# A terminal has one line that is renewed every second: time, and the latest line or status of the command. A status is what
# follows a carriage return, as cargo's "Building [==> ] 120/412" does. Elsewhere a line comes every PROGRESS_EVERY_S seconds.

progress_begun=$SECONDS
# Cargo tells how far it is, into a log, too; scripts/lib/progress.py likewise.
export CARGO_TERM_PROGRESS_WHEN=always CARGO_TERM_PROGRESS_WIDTH=80 PROGRESS=1

steps() { progress_name=$1 progress_steps=$2 progress_step=0; }

_clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# Into `plain`: the last status of a line without control sequences; of cargo's bar the numbers and crates remain.
_plain() {
  local bar='\[=*>? *\] '
  plain=${1##*$'\r'}
  [[ $plain ]] || { plain=${1%$'\r'}; plain=${plain##*$'\r'}; }
  plain=${plain//$'\e['[KJm]/} plain=${plain//$'\e['[0-9]m/} plain=${plain//$'\e['[0-9][0-9]m/} plain=${plain//$'\t'/ }
  [[ $plain =~ $bar ]] && plain=${plain/"${BASH_REMATCH[0]}"/}
  return 0
}

# _show HEAD LOG VERBOSE: until standard input ends.
_show() {
  local head=$1 log=$2 verbose=$3 begun=$SECONDS told=$SECONDS last='' part='' piece columns=100 ended='' line plain
  trap '' INT
  if [[ -t 1 ]]; then read -r _ columns < <(stty size 2>/dev/null) || columns=100; fi
  exec 3<"$log"
  while :; do
    while IFS= read -r piece <&3; do
      _plain "$part$piece"
      part='' last=${plain:-$last}
      if [[ $verbose ]]; then
        [[ -t 1 ]] && printf '\r\e[K'
        printf '%s\n' "$plain"
        told=$SECONDS
      fi
    done
    part+=$piece
    [[ $ended ]] && break
    _plain "$part"
    line="$head  $(_clock $((SECONDS - begun)))  ${plain:-$last}"
    if [[ -t 1 ]]; then
      printf '\r%s\e[K' "${line:0:columns - 1}"
    elif ((SECONDS - told >= ${PROGRESS_EVERY_S:-10})); then
      printf '%s\n' "${line:0:160}"
      told=$SECONDS
    fi
    # A second, or to the end of the command.
    read -r -t 1 _ || (($? > 128)) || ended=1
  done
  if [[ -t 1 ]]; then printf '\r\e[K'; fi
  # A last line without an end.
  if [[ $verbose && $part ]]; then _plain "$part" && printf '%s\n' "$plain"; fi
}

step() {
  local verbose='' errexit=$- code=0 begun=$SECONDS title head show
  if [[ $1 == -v ]]; then verbose=1; shift; fi
  title=$1; shift
  progress_step=$((progress_step + 1))
  head="$progress_name $progress_step/$progress_steps  $title"
  if ((progress_steps == 1)); then head="$progress_name  $title"; fi
  STEP_LOG=$(tr -cs 'A-Za-z0-9\n' _ <<<"$title")
  STEP_LOG=build/log/$progress_name-${STEP_LOG:0:40}.log
  mkdir -p build/log && : >"$STEP_LOG"
  [[ -t 1 ]] || printf '%s  (log: %s)\n' "$head" "$STEP_LOG"
  exec 4> >(_show "$head" "$STEP_LOG" "$verbose")
  show=$!
  # Not as a condition: in one, a function's errors would not end it.
  set +e
  ( set -e; "$@" ) >"$STEP_LOG" 2>&1 </dev/null 4>&-
  code=$?
  exec 4>&-
  wait "$show"
  [[ $errexit != *e* ]] || set -e
  if ((code)); then
    if [[ ! $verbose ]]; then tr '\r' '\n' <"$STEP_LOG" | sed '/^ *Building \[/d' | tail -n 40 >&2; fi
    printf '%s  FAILED with exit code %d after %s, log: %s\n' "$head" "$code" "$(_clock $((SECONDS - begun)))" "$STEP_LOG" >&2
    exit "$code"
  fi
  printf '%s  %s\n' "$head" "$(_clock $((SECONDS - begun)))"
}

skip() {
  progress_step=$((progress_step + 1))
  printf '%s %d/%d  %s: SKIPPED, %s\n' "$progress_name" "$progress_step" "$progress_steps" "$1" "$2"
}

# How long all steps took, and what else there is to say.
done_in() { printf '%s  done in %s%s\n' "$progress_name" "$(_clock $((SECONDS - progress_begun)))" "${1:+, $1}"; }

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -euo pipefail
  steps "$1" 1
  shift
  step -v "$@"
fi
