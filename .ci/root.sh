# Bare roots of Debian releases, made by debootstrap and kept; for .ci/on and tests/package/run, which set `tree`
# to the checkout and `release`. What mounts has to run in_namespaces. The network is the host's. How the host
# reaches its package mirrors and the npm registry (apt's options, proxies, certificates, npm's configuration) is
# taken over; what may be secret is laid on a tmpfs, and so is never stored in the root.
# shellcheck shell=bash

roots=${PLUGBOARD_ROOTS:-${XDG_CACHE_HOME:-$HOME/.cache}/plugboard/roots}
refresh_days=7 # a root whose packages are older is upgraded first

say() { printf '%s\n' "$*" >&2; }
die() { printf 'dev: %s\n' "$*" >&2; exit 1; }

# ---- how the host reaches the outside

# Prints "URL RELEASE LABEL" for each archive that the host's apt is configured for.
archives() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(LABEL)' 'Created-By: Packages' | sort -u
}

find_mirrors() {
  local own url suite label
  own=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
  mirror=${DEBIAN_MIRROR:-}
  security=${DEBIAN_SECURITY_MIRROR:-}
  while read -r url suite label; do
    [[ $url =~ ^(https?|file|copy): ]] || continue
    case $suite in
      *-security | */updates) [[ $label != Debian-Security ]] || : "${security:=$url}" ;;
      "$own" | oldstable | stable | testing | unstable | sid)
        [[ $label != Debian ]] || : "${mirror:=$url}" ;;
    esac
  done < <(archives)
  [[ -n $mirror ]] ||
    die "apt knows no mirror of Debian here; name one, and one for its security updates: DEBIAN_MIRROR=URL DEBIAN_SECURITY_MIRROR=URL ./dev on ..."
}

sources() {
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  say_source() { printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$1" "$2"; }
  say_source "$mirror" "$release"
  case $release in
    sid | unstable) return ;;
  esac
  say_source "$mirror" "$release-updates"
  [[ -z $security ]] || say_source "$security" "$release-security"
}

# debootstrap downloads with wget, which does not know apt's options.
proxies_for_debootstrap() {
  local scheme value
  for scheme in http https; do
    value=''
    eval "$(apt-config shell value "Acquire::$scheme::Proxy")"
    [[ -z $value || $value == DIRECT ]] || export "${scheme}_proxy=$value"
  done
}

# lay_file FILE NAME: lays a file of the host into the root's /run/host, and prints its path there.
lay_file() {
  install -m 644 "$1" "$root/run/host/$2"
  printf '/run/host/%s' "$2"
}

# Apt's options for fetching, without those that say what else to fetch; files that they name
# (certificates, keys) come along.
apt_options() {
  local line key value file n=0
  while IFS= read -r line; do
    case $line in
      Acquire::IndexTargets* | Acquire::Languages* | Acquire::CompressionTypes* | Acquire::Changelogs*)
        continue ;;
    esac
    if [[ $line =~ ^([^ ]+)\ \"(/.*)\"\;$ && -f ${BASH_REMATCH[2]} ]]; then
      key=${BASH_REMATCH[1]}
      file=${BASH_REMATCH[2]}
      n=$((n + 1))
      value=$(lay_file "$file" "apt-$n")
      [[ ! -x $file ]] || chmod 755 "$root$value" # a program that finds the proxy
      line="$key \"$value\";"
    fi
    printf '%s\n' "$line"
  done < <(apt-config dump | grep '^Acquire::')
  cat <<'TEXT'
Acquire::Languages "none";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };
TEXT
}

# Fills `environment`: nothing of the host's but how it reaches the outside, and what steers ./dev.
environment=(HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "TERM=${TERM:-dumb}")
take_environment() {
  local name value which file
  environment+=("PLUGBOARD_BARE_RELEASE=$release") # versions are the release's, and may be compared
  while IFS='=' read -r -d '' name value; do
    case $name in
      *_proxy | *_PROXY | FUZZ_SECONDS | REDIS_SERVER | CI) ;;
      *CERT* | *CA_* | *_CA | npm_config_* | NPM_CONFIG_*)
        if [[ $value == /* && -f $value ]]; then
          value=$(lay_file "$value" "env-$name")
        elif [[ $value == /* && ! -e $root/$value ]]; then
          continue
        fi
        ;;
      *) continue ;;
    esac
    environment+=("$name=$value")
  done < <(env --null)
  for which in user global; do
    file=$HOME/.npmrc
    [[ $which == user ]] || file=/etc/npmrc
    if command -v npm >/dev/null; then
      file=$(cd / && npm config get "${which}config")
    fi
    [[ -f $file ]] || continue
    environment+=("npm_config_${which}config=$(lay_file "$file" "npmrc-$which")")
  done
  if command -v npm >/dev/null; then
    file=$(cd "$tree" && npm config get cafile)
    [[ ! -f $file ]] || environment+=("npm_config_cafile=$(lay_file "$file" npm-cafile)")
  fi
}

# ---- making the root

# name_root PREFIX: sets `root` for `release`.
name_root() {
  [[ $release =~ ^[a-z][a-z0-9-]*$ ]] || die "'$release' is not the name of a release, such as trixie"
  root=$roots/$1$release-$(dpkg --print-architecture)
}

need_debootstrap() {
  "$tree/dev" need debootstrap "$@"
  [[ -f /usr/share/debootstrap/scripts/$release ]] || die "debootstrap knows no release '$release'"
  mkdir -p -m 700 "$roots"
}

# One command at a time in a root; the lock goes with the last process that holds it.
lock_root() {
  exec 9>"$root.lock"
  if ! flock --nonblock 9; then
    say "Waiting for somebody else's work in $root"
    flock 9
  fi
}

# in_namespaces COMMAND...: the first process of the namespaces ends with unshare, and unshare with this
# script, however that comes to its end.
in_namespaces() {
  PLUGBOARD_INSIDE=$root setpriv --pdeathsig KILL \
    unshare --mount --propagation private --pid --fork --kill-child --mount-proc "$@"
}

in_root() { env -i "${environment[@]}" chroot "$root" "$@"; }

make_root() {
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg options=()
  say "Making a root of Debian $release in $root"
  rm -rf --one-file-system "$root"
  [[ ! -f $keyring ]] || options=(--keyring="$keyring")
  debootstrap --variant=minbase --include=ca-certificates "${options[@]}" \
    "$release" "$root" "$mirror" >&2 ||
    die "debootstrap failed; its log is $root/debootstrap/debootstrap.log"
  # A root that is thrown away need not survive a power cut, and starts no services.
  printf 'force-unsafe-io\n' >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
  rm -f "$root/etc/apt/sources.list.d/"* "$root/var/cache/apt/archives/"*.deb
  touch "$root/.complete"
}

mount_root() {
  local node
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  mkdir "$root/dev/pts" "$root/dev/shm" "$root/run/lock" "$root/run/host"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  for node in null zero full random urandom tty; do
    touch "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
  done
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  ln -s /proc/self/fd/0 "$root/dev/stdin"
  ln -s /proc/self/fd/1 "$root/dev/stdout"
  ln -s /proc/self/fd/2 "$root/dev/stderr"
}

configure_root() {
  local file certificates=/usr/local/share/ca-certificates changed=0
  sources >"$root/etc/apt/sources.list"
  apt_options >"$root/run/host/apt.conf"
  environment+=(APT_CONFIG=/run/host/apt.conf)
  for file in auth.conf auth.conf.d; do
    [[ -e /etc/apt/$file ]] || continue
    [[ -d /etc/apt/$file ]] || touch "$root/etc/apt/$file"
    mount --bind -o ro "/etc/apt/$file" "$root/etc/apt/$file"
  done
  for file in resolv.conf hosts; do
    rm -f "$root/etc/$file"
    cat "/etc/$file" >"$root/etc/$file"
  done
  take_environment
  for file in "$certificates"/*.crt; do
    if [[ -f $file ]] && ! cmp -s "$file" "$root$file"; then
      cp "$file" "$root$certificates/"
      changed=1
    fi
  done
  ((changed == 0)) || in_root update-ca-certificates >/dev/null 2>&1
  if [[ -z $(find "$root/.upgraded" -mtime "-$refresh_days" 2>/dev/null) ]]; then
    say "Bringing the packages of that root up to date"
    { in_root apt-get -q update && in_root apt-get -q -y dist-upgrade; } \
      </dev/null >"$root/.upgrade.log" 2>&1 || { cat "$root/.upgrade.log" >&2; die "apt-get failed"; }
    touch "$root/.upgraded"
  fi
}
