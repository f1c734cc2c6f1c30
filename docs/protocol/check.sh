#!/usr/bin/env bash
# Checks sync.pml with Spin: the protocol as it is must have no error, and each variant must be caught.
#   check.sh             all of it (well under a minute of processor time)
#   check.sh --long      with larger worlds too (some minutes, 1.9 GB)
#   check.sh --show ROW  the shortest counterexample of a row whose name begins so, such as `--show NAIVE_ACK`
set -euo pipefail
cd "$(dirname "$0")"
model="$PWD/sync.pml"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

rows=(
  # expected | name | the world: changes by the application and a person, lost answers, deaths, take-overs
  'holds|create: lost answers and a death|-DWRITES=1 -DLOSSES=2 -DCRASHES=1'
  'holds|create: a row that changes meanwhile|-DWRITES=2 -DLOSSES=1'
  'holds|create: a person edits the new page|-DWRITES=1 -DEDITS=1 -DLOSSES=1 -DCRASHES=1 -DTRIGGER'
  'holds|create: another daemon takes over|-DWRITES=1 -DLOSSES=1 -DTAKEOVERS=1'
  'holds|both ways: a lost answer and a death|-DPAIRED -DWRITES=1 -DEDITS=1 -DLOSSES=1 -DCRASHES=1'
  'holds|both ways: two changes of the row|-DPAIRED -DWRITES=2 -DEDITS=1 -DLOSSES=1 -DTRIGGER'
  'holds|both ways: two edits|-DPAIRED -DWRITES=1 -DEDITS=2 -DCRASHES=1 -DTRIGGER'
  'holds|both ways: another daemon takes over|-DPAIRED -DWRITES=1 -DEDITS=1 -DTAKEOVERS=1'
  'holds|both ways: an unforeseen loss in Notion|-DPAIRED -DWRITES=2 -DEDITS=2 -DTRIGGER -DSTRANGE'
  'rests|rest comes: both ways|-DPAIRED -DWRITES=1 -DEDITS=1 -DLOSSES=1'
  'rests|rest comes: create|-DWRITES=1 -DLOSSES=1'
  'fails|NAIVE_ACK: acknowledge, then store|-DNAIVE_ACK -DPAIRED -DWRITES=1 -DCRASHES=1'
  'fails|NAIVE_VISIBLE: store what nobody can read yet|-DNAIVE_VISIBLE -DPAIRED -DWRITES=1'
  'fails|NAIVE_CREATE: create without intent and look-up|-DNAIVE_CREATE -DWRITES=1 -DLOSSES=1'
  'fails|NAIVE_GRACE: believe "not found" at once|-DNAIVE_GRACE -DWRITES=1 -DLOSSES=1'
  'fails|NAIVE_INTENT: store the intent unfenced|-DNAIVE_INTENT -DWRITES=1 -DTAKEOVERS=1'
  'fails|NAIVE_BASE: base from what was sent|-DNAIVE_BASE -DPAIRED -DWRITES=1 -DSTRANGE'
  'fails|NAIVE_SETTLE: settling strikes off all restores|-DNAIVE_SETTLE -DPAIRED -DWRITES=1 -DEDITS=1 -DTRIGGER'
  'fails|NAIVE_DOUBT: end doubts by the time of closing|-DNAIVE_DOUBT -DPAIRED -DWRITES=1 -DEDITS=1 -DLOSSES=1'
  'fails|LIMIT frozen: past the fence, beyond the grace|-DFROZEN -DWRITES=1 -DTAKEOVERS=1'
  'fails|LIMIT adopted: an edit in a page without a base|-DSTRICT_ADOPT -DWRITES=1 -DEDITS=1 -DLOSSES=1'
  'fails|LIMIT unforeseen loss and a lost answer at once|-DSTRANGE -DPAIRED -DWRITES=2 -DLOSSES=1'
)
long=(
  'holds|long: create, two changes, a death|-DWRITES=2 -DLOSSES=1 -DCRASHES=1'
  'holds|long: both ways, two edits, a lost answer|-DPAIRED -DWRITES=1 -DEDITS=2 -DLOSSES=1 -DTRIGGER'
  'holds|long: both ways, a death, a trigger|-DPAIRED -DWRITES=1 -DEDITS=1 -DLOSSES=1 -DCRASHES=1 -DTRIGGER'
  'rests|long: rest comes after a death|-DWRITES=1 -DLOSSES=1 -DCRASHES=1'
  'rests|long: rest comes after a take-over|-DWRITES=1 -DTAKEOVERS=1'
  'rests|long: rest comes, both ways, a trigger|-DPAIRED -DWRITES=1 -DEDITS=1 -DLOSSES=1 -DTRIGGER'
  'holds|long: take-over, both ways, a lost answer|-DPAIRED -DWRITES=1 -DEDITS=1 -DLOSSES=1 -DTAKEOVERS=1'
  'holds|long: take-over, create, a death|-DWRITES=1 -DLOSSES=1 -DTAKEOVERS=1 -DCRASHES=1'
)

die() {
  echo "$*" >&2
  exit 1
}

# Builds the verifier of a row in the present folder.
build() {
  local kind=$1 flags=$2
  shift 2
  local how=(-DSAFETY -O1)
  # A counterexample is found in no time, and compiling takes longer.
  [ "$kind" != fails ] || how=(-DSAFETY)
  if [ "$kind" = rests ]; then
    flags+=' -DEVENTUALLY'
    how=(-DNFAIR=4 -O1)
  fi
  cp "$model" sync.pml
  # shellcheck disable=SC2086
  spin -a $flags sync.pml > spin.log 2>&1 || die "spin: $(cat spin.log)"
  cc -w -DMEMLIM=2000 "${how[@]}" "$@" -o pan pan.c 2> cc.log || die "cc: $(cat cc.log)"
}

show() {
  local row kind name flags
  for row in "${rows[@]}"; do
    IFS='|' read -r kind name flags <<< "$row"
    case "$name" in "$1"*) ;; *) continue ;; esac
    [ "$kind" = fails ] || die "$name: holds, there is nothing to show"
    build "$kind" "$flags" -DBFS
    ./pan -n > pan.log 2>&1 || true
    echo "$name"
    # shellcheck disable=SC2086
    spin -T $flags -t sync.pml 2> /dev/null | sed '/^spin: trail ends/,$d; s/^spin: sync.pml:/sync.pml:/' | sed 's/^/  /'
    return
  done
  die "no row begins with $1"
}

case "${1-}" in
  '') ;;
  --long) rows+=("${long[@]}") ;;
  --show) show "${2?name a row}" && exit ;;
  *) die "usage: check.sh [--long | --show ROW]" ;;
esac

wrong=0
printf '%-52s %-8s %-8s %10s %8s %7s  %s\n' model expected found states seconds MB ''
for row in "${rows[@]}"; do
  IFS='|' read -r kind name flags <<< "$row"
  build "$kind" "$flags"
  how=()
  [ "$kind" != rests ] || how=(-a -f)
  ./pan "${how[@]}" -m20000 -n > pan.log 2>&1 || true
  states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.log)
  seconds=$(sed -n 's/^pan: elapsed time \([0-9.e+-]*\) seconds/\1/p' pan.log)
  memory=$(sed -n 's/^ *\([0-9.]*\).*total actual memory usage/\1/p' pan.log)
  if grep -qE 'max search depth too small|out of memory|aborted|Interrupted|Search not completed' pan.log &&
    ! grep -q 'errors: [1-9]' pan.log; then
    found=unknown
  elif grep -q 'errors: 0' pan.log; then
    found=holds
  elif grep -q 'errors: [1-9]' pan.log; then
    found=fails
  else
    found=unknown
  fi
  expected=$([ "$kind" = fails ] && echo fails || echo holds)
  reason=$(sed -n 's/^pan:1: \(.*\) (at depth.*/\1/p' pan.log)
  [ "$found" = "$expected" ] || { wrong=$((wrong + 1)) && reason="WRONG $reason"; }
  printf '%-52s %-8s %-8s %10s %8s %7.0f  %s\n' "$name" "$expected" "$found" "${states:-?}" "${seconds:-?}" "${memory:-0}" "$reason"
done
echo "${#rows[@]} models, $wrong not as expected"
[ "$wrong" -eq 0 ]
