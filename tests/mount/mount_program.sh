#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From mount(8), as in fstab: `mount -t fuse.digestfs SOURCE MOUNTPOINT -o OPTIONS`, and the same with
# `-t digestfs`; and what the mount's own options are whatever was asked for.
#
# mount.fuse3 looks for the program in the system's folders only. So that nothing has to be
# installed for this test it runs in a mount namespace where one of them is the test's own.
. "$(dirname "$0")/own_namespace.inc"
. "$(dirname "$0")/lib.sh"
require_own_namespace
mkdir "$work/bin"
ln -s "$DIGESTFS" "$work/bin/digestfs"
mount --bind "$work/bin" /usr/local/bin
options_of() { awk -v at="$1" '$5 == at { print $6 }' /proc/self/mountinfo; }

mount -t fuse.digestfs "oci:$SOURCE_DIR/examples/multi-arch" "$mnt" \
  -o "dev,suid,allow_other,cache-dir=$cache,tag-ttl=5,log-level=error,x-gvfs-hide"
eventually 10 answers "$mnt" || fail 'mount(8) mounts nothing'
expect_eq "$(ls "$mnt/tags")" $'demo\ndemo-aarch64\ndemo-x86_64'
[[ -d $cache/blobs ]] || fail 'cache-dir in -o is not heeded'
[[ ,$(options_of "$mnt"), == *,ro,* ]] || fail "not read-only: $(options_of "$mnt")"
[[ ,$(options_of "$mnt"), == *,nosuid,* ]] || fail "not nosuid: $(options_of "$mnt")"
[[ ,$(options_of "$mnt"), == *,nodev,* ]] || fail "not nodev: $(options_of "$mnt")"
grep -F " $mnt " /proc/self/mountinfo | grep -q ' - fuse.digestfs oci:' ||
  fail "unexpected type or name: $(grep -F " $mnt " /proc/self/mountinfo)"
expect_status 1 touch "$mnt/file" 2>/dev/null
expect_status 1 rm "$mnt/tags/demo/manifest.json" 2>/dev/null
umount "$mnt"
! is_mounted "$mnt" || fail 'still mounted'

# `mount -t digestfs`, with mount.digestfs among the helpers of mount(8): from the command line, and
# from a line of fstab.
mkdir "$work/sbin" "$work/sbin.was"
mount --bind /usr/sbin "$work/sbin.was"
ln -s "$work"/sbin.was/* "$work/sbin/"
ln -sf "$(dirname "$DIGESTFS")/packaging/mount.digestfs" "$work/sbin/mount.digestfs"
mount --bind "$work/sbin" /usr/sbin
helper=/sbin/mount.digestfs
mount -v -t digestfs "oci:$SOURCE_DIR/examples/multi-arch" "$mnt" -o "cache-dir=$cache,noatime"
expect_eq "$(ls "$mnt/tags")" $'demo\ndemo-aarch64\ndemo-x86_64'
umount "$mnt"
echo "oci:$SOURCE_DIR/examples/multi-arch $mnt digestfs noauto,nofail,_netdev,x-systemd.automount,cache-dir=$cache 0 0" \
  >"$work/fstab"
mount --fstab "$work/fstab" "$mnt"
expect_eq "$(ls "$mnt/tags")" $'demo\ndemo-aarch64\ndemo-x86_64' 'what fstab mounts'
umount "$mnt"
mount --fake -t digestfs "oci:$SOURCE_DIR/examples/multi-arch" "$mnt"
! is_mounted "$mnt" || fail 'mount --fake mounts'
# Its failures are those of the program, and words that mean nothing are refused.
expect_status 11 "$helper" "oci:$work/nothing" "$mnt" -o "cache-dir=$cache" 2>"$work/why"
grep -q "$work/nothing" "$work/why" || fail "mount.digestfs said: $(<"$work/why")"
expect_status 2 "$helper" "oci:$work/nothing" 2>/dev/null
expect_status 2 "$helper" "oci:$work/nothing" "$mnt" -N 1 2>/dev/null
expect_status 2 "$helper" --help "$mnt" 2>/dev/null
expect_status 2 "$helper" "oci:$work/nothing" "$mnt" more 2>/dev/null
umount /usr/sbin "$work/sbin.was"

# A comma in a value is escaped.
comma=$work/with,comma
"$DIGESTFS" -o "cache-dir=${comma/,/\\,}" "oci:$SOURCE_DIR/examples/multi-arch" "$mnt"
[[ -d $comma/blobs ]] || fail "the escaped comma: $(ls "$work")"
umount "$mnt"
umount /usr/local/bin
