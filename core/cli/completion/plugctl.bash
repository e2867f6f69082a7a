# bash completion for plugctl. Made by: plugctl --completion bash
_plugctl()
{
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
  local command=${COMP_WORDS[1]} options=
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W 'pub sub bench status nodes clients topics tail kick drain reload swap token help --help --version' -- "$word"))
    return
  fi
  case $command:$before in
    pub:--file | pub:-f) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    pub:--header | pub:-H) return ;;
    pub:--content-type | pub:-T) return ;;
    pub:--timeout) return ;;
    pub:--url | pub:-u) return ;;
    pub:--login | pub:-l) return ;;
    pub:--passcode | pub:-p) return ;;
    pub:--passcode-file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    pub:--token | pub:-t) return ;;
    pub:--token-file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    pub:--host) return ;;
    pub:--connect-header) return ;;
    pub:--http-header) return ;;
    pub:--cafile) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    pub:--cert) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    pub:--key) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    pub:--connect-timeout) return ;;
    pub:--heart-beat) return ;;
    sub:--count | sub:-n) return ;;
    sub:--timeout) return ;;
    sub:--header | sub:-H) return ;;
    sub:--ack) COMPREPLY=($(compgen -W 'auto client client-individual' -- "$word")); return ;;
    sub:--url | sub:-u) return ;;
    sub:--login | sub:-l) return ;;
    sub:--passcode | sub:-p) return ;;
    sub:--passcode-file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    sub:--token | sub:-t) return ;;
    sub:--token-file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    sub:--host) return ;;
    sub:--connect-header) return ;;
    sub:--http-header) return ;;
    sub:--cafile) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    sub:--cert) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    sub:--key) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    sub:--connect-timeout) return ;;
    sub:--heart-beat) return ;;
    bench:--publishers | bench:-P) return ;;
    bench:--subscribers | bench:-S) return ;;
    bench:--topics) return ;;
    bench:--rate | bench:-r) return ;;
    bench:--in-flight) return ;;
    bench:--size) return ;;
    bench:--duration | bench:-d) return ;;
    bench:--warm-up) return ;;
    bench:--url | bench:-u) return ;;
    bench:--login | bench:-l) return ;;
    bench:--passcode | bench:-p) return ;;
    bench:--passcode-file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    bench:--token | bench:-t) return ;;
    bench:--token-file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    bench:--host) return ;;
    bench:--connect-header) return ;;
    bench:--http-header) return ;;
    bench:--cafile) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    bench:--cert) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    bench:--key) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    bench:--connect-timeout) return ;;
    bench:--heart-beat) return ;;
    status:--admin | status:-a) return ;;
    status:--admin-token) return ;;
    status:--admin-token-file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    status:--cafile) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    status:--cert) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    status:--key) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    status:--timeout) return ;;
    nodes:--admin | nodes:-a) return ;;
    nodes:--admin-token) return ;;
    nodes:--admin-token-file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    nodes:--cafile) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    nodes:--cert) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    nodes:--key) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    nodes:--timeout) return ;;
    clients:--search | clients:-s) return ;;
    clients:--limit | clients:-n) return ;;
    clients:--after) return ;;
    clients:--admin | clients:-a) return ;;
    clients:--admin-token) return ;;
    clients:--admin-token-file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    clients:--cafile) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    clients:--cert) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    clients:--key) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    clients:--timeout) return ;;
    topics:--search | topics:-s) return ;;
    topics:--limit | topics:-n) return ;;
    topics:--after) return ;;
    topics:--admin | topics:-a) return ;;
    topics:--admin-token) return ;;
    topics:--admin-token-file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    topics:--cafile) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    topics:--cert) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    topics:--key) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    topics:--timeout) return ;;
    tail:--count | tail:-n) return ;;
    tail:--admin | tail:-a) return ;;
    tail:--admin-token) return ;;
    tail:--admin-token-file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    tail:--cafile) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    tail:--cert) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    tail:--key) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    tail:--timeout) return ;;
    kick:--user | kick:-u) return ;;
    kick:--for) return ;;
    kick:--message | kick:-m) return ;;
    kick:--admin | kick:-a) return ;;
    kick:--admin-token) return ;;
    kick:--admin-token-file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    kick:--cafile) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    kick:--cert) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    kick:--key) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    kick:--timeout) return ;;
    drain:--admin | drain:-a) return ;;
    drain:--admin-token) return ;;
    drain:--admin-token-file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    drain:--cafile) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    drain:--cert) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    drain:--key) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    drain:--timeout) return ;;
    reload:--admin | reload:-a) return ;;
    reload:--admin-token) return ;;
    reload:--admin-token-file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    reload:--cafile) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    reload:--cert) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    reload:--key) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    reload:--timeout) return ;;
    swap:--overlap) return ;;
    swap:--for) return ;;
    swap:--admin | swap:-a) return ;;
    swap:--admin-token) return ;;
    swap:--admin-token-file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    swap:--cafile) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    swap:--cert) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    swap:--key) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    swap:--timeout) return ;;
    token:--secret) return ;;
    token:--secret-file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    token:--key | token:-k) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$word")); return ;;
    token:--alg) COMPREPLY=($(compgen -W 'HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA' -- "$word")); return ;;
    token:--kid) return ;;
    token:--sub | token:-s) return ;;
    token:--role | token:-r) return ;;
    token:--iss) return ;;
    token:--aud) return ;;
    token:--expires | token:-e) return ;;
    token:--claim | token:-c) return ;;
  esac
  case $command in
    pub) options='--file --lines --header --content-type --no-receipt --timeout --json --url --login --passcode --passcode-file --token --token-file --host --connect-header --http-header --cafile --cert --key --insecure --connect-timeout --heart-beat --help' ;;
    sub) options='--count --timeout --json --verbose --header --ack --reconnect --url --login --passcode --passcode-file --token --token-file --host --connect-header --http-header --cafile --cert --key --insecure --connect-timeout --heart-beat --help' ;;
    bench) options='--publishers --subscribers --topics --rate --in-flight --size --duration --warm-up --json --url --login --passcode --passcode-file --token --token-file --host --connect-header --http-header --cafile --cert --key --insecure --connect-timeout --heart-beat --help' ;;
    status) options='--verbose --admin --admin-token --admin-token-file --cafile --cert --key --insecure --timeout --json --help' ;;
    nodes) options='--admin --admin-token --admin-token-file --cafile --cert --key --insecure --timeout --json --help' ;;
    clients) options='--search --limit --after --admin --admin-token --admin-token-file --cafile --cert --key --insecure --timeout --json --help' ;;
    topics) options='--search --limit --after --admin --admin-token --admin-token-file --cafile --cert --key --insecure --timeout --json --help' ;;
    tail) options='--count --admin --admin-token --admin-token-file --cafile --cert --key --insecure --timeout --json --help' ;;
    kick) options='--user --for --message --admin --admin-token --admin-token-file --cafile --cert --key --insecure --timeout --json --help' ;;
    drain) options='--admin --admin-token --admin-token-file --cafile --cert --key --insecure --timeout --json --help' ;;
    reload) options='--admin --admin-token --admin-token-file --cafile --cert --key --insecure --timeout --json --help' ;;
    swap) options='--overlap --for --admin --admin-token --admin-token-file --cafile --cert --key --insecure --timeout --json --help' ;;
    token) options='--secret --secret-file --key --alg --kid --sub --role --iss --aud --expires --claim --json --help' ;;
    help) options='pub sub bench status nodes clients topics tail kick drain reload swap token' ;;
  esac
  COMPREPLY=($(compgen -W "$options" -- "$word"))
}
complete -F _plugctl plugctl
