# Roots that are thrown away: something laid over the pristine one, for tests/package/run and image. After
# .ci/root.sh; `scratch` is a tmpfs, which goes with the namespace.
# shellcheck shell=bash

# Brings `root` up to date, as what overlays are laid on, and makes the tmpfs at DIR.
prepare_overlays() { # DIR
  scratch=$1
  mount -t tmpfs -o mode=755 tmpfs "$scratch"
  find_mirrors
  proxies_for_debootstrap
  [[ -f $root/.complete ]] || make_root
  mount_root
  configure_root
  umount --recursive "$root"
  pristine=$root
  passed=0
  failed=0
}

overlay_root() { # NAME; afterwards `root` is it
  local dir=$scratch/$1
  mkdir "$dir" "$dir/upper" "$dir/work" "$dir/root"
  mount -t overlay -o "lowerdir=$pristine,upperdir=$dir/upper,workdir=$dir/work" overlay "$dir/root"
  root=$dir/root
  mount_root
  configure_root
}

finish() {
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  ((failed == 0 && passed > 0))
}

# run_in_root FUNCTION...: as root, makes the namespaces and calls this script again in them, with a directory for
# prepare_overlays; there, calls FUNCTION with it.
run_in_root() {
  local function=$1 status=0 dir
  shift
  name_root package-
  if [[ ${PLUGBOARD_INSIDE:-} == "$root" ]]; then
    unset PLUGBOARD_INSIDE
    "$function" "$@"
    return
  fi
  ((EUID == 0)) || die "this is tried in roots of its own, which only root can make"
  need_debootstrap systemd-container
  lock_root
  dir=$(mktemp -d)
  in_namespaces "$0" "$dir" || status=$?
  rmdir "$dir"
  return "$status"
}
