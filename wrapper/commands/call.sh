# A signed call to the allocator with curl and coreutils; read by `ask`, and the same as call.py.

newline='
'

say() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
}

# Every way out that is not a file: justin-allocated-files knows no exits beyond 2.
leave() {
    say "$2"
    [ "$method" = get_file ] || exit 1
    exit "$1"
}

read_configuration() {
    while read -r key value; do
        value=${value%,}
        value=${value#\"}
        value=${value%\"}
        case $key in
            '"url":') url=$value ;;
            '"path":') path=$value ;;
            '"jobsub_id":') jobsub_id=$value ;;
            '"clock_offset_seconds":') clock_offset_seconds=$value ;;
            '"timestamp":') timestamp=$value ;;
            '"wall_seconds":') wall_seconds=$value ;;
            '"ca_path":') ca_path=$value ;;
        esac
    done <"$1"
}

read_options() {
    seconds_needed=
    while [ $# -gt 0 ]; do
        case $1 in
            --seconds-needed) seconds_needed=${2-} ;;
            --seconds-needed=*) seconds_needed=${1#*=} ;;
            *) say "unknown option $1"; exit 2 ;;
        esac
        case $seconds_needed in
            '' | *[!0-9]*) say "--seconds-needed takes a number of seconds"; exit 2 ;;
        esac
        if [ "$1" = --seconds-needed ]; then shift 2; else shift; fi
    done
}

sha256() {
    if command -v sha256sum >/dev/null 2>&1; then
        sum=$(sha256sum)
    else
        sum=$(openssl dgst -sha256 -r)
    fi
    printf '%s' "${sum%% *}"
}

# Bytes from their hex digits; printf knows octal escapes everywhere, hexadecimal ones not in dash.
unhex() {
    digits=$1
    while [ -n "$digits" ]; do
        rest=${digits#??}
        printf "\\$(printf '%03o' "0x${digits%"$rest"}")"
        digits=$rest
    done
}

# HMAC-SHA256: the key is one block, so the pads are files that the wrapper has made.
hmac() {
    inner=$({ cat "$private/ipad"; printf '%s' "$1"; } | sha256)
    { cat "$private/opad"; unhex "$inner"; } | sha256
}

post() {
    now=$(($(date +%s) + clock_offset_seconds))
    nonce=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    body="{\"method\": \"$method\"}"
    digest=$(printf '%s' "$body" | sha256)
    signature=$(hmac "POST$newline$path$method$newline$now$newline$nonce$newline$digest")
    set --
    if [ -d "$ca_path" ]; then set -- --capath "$ca_path"; elif [ -n "$ca_path" ]; then set -- --cacert "$ca_path"; fi
    curl -q -s -S --noproxy '*' --connect-timeout 10 --max-time 120 "$@" -w '\n%{http_code}' --data-binary "$body" \
        -H 'Content-Type: application/json' -H "X-Justin-Job: $jobsub_id" -H "X-Justin-Time: $now" \
        -H "X-Justin-Nonce: $nonce" -H "X-Justin-Signature: $signature" "$url$method"
}

# Sets `status` and `answer`; status is 000 when no reply came.
post_patiently() {
    for pause in 1 2 4 0; do
        reply=$(post) || reply="${reply%"$newline"*}${newline}000"
        status=${reply##*"$newline"}
        answer=${reply%"$newline"*}
        case $status in
            000 | 408 | 429 | 5??) ;;
            *) return 0 ;;
        esac
        [ "$pause" -eq 0 ] || sleep "$pause"
    done
    # The wrapper tells the allocator of it: what follows is not the jobscript's fault.
    [ "$method" != get_file ] || true >"$private/unanswered" || say "$private/unanswered cannot be written"
}

print_file() {
    set -f
    set -- $answer
    [ $# -eq 3 ] || leave 3 "the allocator's answer is not DID PFN RSE"
    printf '%s\n' "$1" >>all-input-dids.txt || say "all-input-dids.txt cannot be written here"
    printf '%s %s %s\n' "$1" "$2" "$3"
}

call() {
    method=$2
    read_configuration "$1/call.json"
    shift 2
    read_options "$@"
    if [ -n "$seconds_needed" ] && [ "$(date +%s)" -gt $((timestamp + wall_seconds - seconds_needed)) ]; then
        leave 5 "fewer than $seconds_needed seconds are left"
    fi
    post_patiently
    case $status in
        200) ;;
        000) leave 4 "the allocator cannot be reached" ;;
        404) leave 1 "there is no file for this job: $answer" ;;
        *) leave 3 "the allocator answered $status: $answer" ;;
    esac
    if [ "$method" = get_file ]; then
        print_file
    elif [ -n "$answer" ]; then
        printf '%s\n' "${answer%"$newline"}"
    fi
    exit 0
}
