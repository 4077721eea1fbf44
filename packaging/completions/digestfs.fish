# SPDX-License-Identifier: Apache-2.0
#
# Completions of fish for digestfs(1) and its companions. tests/command_line.sh compares them with
# what the programs say.

set -l switch 'true false'
set -l platforms 'linux/386 linux/amd64 linux/arm/v6 linux/arm/v7 linux/arm64 linux/ppc64le linux/riscv64 linux/s390x windows/amd64'

function __digestfs_mounts
    string replace -rf '^(?:\S+ ){4}(\S+) .* - fuse\.digestfs .*' '$1/' </proc/self/mountinfo
end

# Prints the tags of the mounts on the command line.
function __digestfs_tags
    for place in (commandline -opc)[2..]
        path basename (string replace -r '^~(?=/|$)' $HOME -- $place)/tags/* 2>/dev/null
    end
end

# Prints what SOURCE may be: a prefix, or what stands behind it.
function __digestfs_sources
    set -l word (commandline -ct)
    set -l prefix (string match -r '^(?:oci|dir|registry-storage|oci-archive|docker-archive):' -- $word)
    if test -n "$prefix"
        set -l rest (string replace -- $prefix '' $word)
        string match -q '*-archive:' -- $prefix
        and set -l found (__fish_complete_path $rest | string replace -r '\t.*' '')
        or set -l found (__fish_complete_directories $rest | string replace -r '\t.*' '')
        printf '%s\n' $prefix$found
        return
    end
    printf '%s\t%s\n' docker:// 'a repository of a registry' oci: 'an OCI image layout' \
        oci-archive: 'an OCI image layout in a tar' dir: 'what skopeo copies to dir:' \
        docker-archive: 'written by docker save, podman save' \
        containers-storage: 'the store of podman, buildah, CRI-O' \
        registry-storage: "a docker-registry's own disk"
end

# Succeeds while SOURCE is missing.
function __digestfs_needs_source
    set -l words (commandline -opc)
    set -e words[1]
    set -l skip no
    for word in $words
        if test $skip = yes
            set skip no
        else if contains -- $word -o --options --platform --cache-dir --cache-size --tag-ttl --creds --authfile --cert-dir --jobs --connections --timeout --log-level --log-file
            set skip yes
        else if not string match -q -- '-*' $word
            return 1
        end
    end
end

for program in digestfs digestfs-images digestfs-graph digestfs-compare digestfs-check digestfs-cache
    complete -c $program -f
    complete -c $program -s h -l help -d 'Print a summary of the options'
    complete -c $program -s V -l version -d 'Print the version'
    test $program = digestfs; and continue
    complete -c $program -l json -d 'Print JSON'
    complete -c $program -s q -l quiet -d 'Show no progress'
    test $program = digestfs-cache; and continue
    complete -c $program -a '(__digestfs_mounts)' -d Mount
    complete -c $program -a '(__fish_complete_directories (commandline -ct) Directory)'
end

complete -c digestfs -n __digestfs_needs_source -a '(__digestfs_sources)'
complete -c digestfs -n 'not __digestfs_needs_source' -a '(__fish_complete_directories (commandline -ct) Directory)'
complete -c digestfs -l platform -x -a $platforms -d 'What host points to'
complete -c digestfs -l list-trees -f -a $switch -d 'Whether listings show rootfs, tree and oci'
complete -c digestfs -l cache-dir -x -a '(__fish_complete_directories (commandline -ct))' -d 'Where verified content is kept'
complete -c digestfs -l cache-size -x -d 'Bound on the cache'
complete -c digestfs -l tag-ttl -x -d 'How long a tag\'s digest is believed'
complete -c digestfs -l offline -f -a $switch -d 'Show what is cached, ask nobody'
complete -c digestfs -l creds -x -d 'Who to be for the registry'
complete -c digestfs -l authfile -r -F -d 'Where credentials are'
complete -c digestfs -l cert-dir -x -a '(__fish_complete_directories (commandline -ct))' -d 'Certificates for the registry'
complete -c digestfs -l tls-verify -f -a $switch -d 'Whether the registry must prove who it is'
complete -c digestfs -l jobs -x -d 'Parallel downloads'
complete -c digestfs -l connections -x -d 'Connections for one large blob'
complete -c digestfs -l timeout -x -d 'The longest that a transfer may stand still'
complete -c digestfs -s f -l foreground -d 'Do not become a daemon'
complete -c digestfs -s d -l debug -d 'Foreground, and every message'
complete -c digestfs -l no-passthrough -f -a $switch -d 'Never let the kernel read the cache by itself'
complete -c digestfs -s o -l options -x -d 'Mount options' -a '(__fish_append , allow_other allow_root auto_unmount default_permissions transform_symlinks cache-dir= cache-size= tag-ttl= platform= offline creds= authfile= cert-dir= tls-verify jobs= connections= timeout= list-trees log-level= log-file= quiet foreground debug no-passthrough)'
complete -c digestfs -l log-level -x -a 'error warning info debug' -d 'What is logged'
complete -c digestfs -l log-file -r -F -d 'Where the log goes'
complete -c digestfs -s q -l quiet -d 'Show no progress, log only errors'

complete -c digestfs-images -s a -l all -d 'Also images without a tag'
complete -c digestfs-images -l tag -x -a '(__digestfs_tags)' -d 'Only tags that match'
complete -c digestfs-images -l repository -x -d 'Only repositories that match'
complete -c digestfs-images -l platform -x -a $platforms -d 'Only images for this platform'
complete -c digestfs-images -l digest -x -d 'Only images of which a digest begins so'
complete -c digestfs-images -l no-trunc -d 'Whole digests and all columns'
complete -c digestfs-images -l stream -d 'Print each row as soon as it is known'
complete -c digestfs-images -l jobs -x -d 'How many tags are read at a time'

complete -c digestfs-graph -l dot -d 'Print the graph for Graphviz'
complete -c digestfs-graph -l svg -d 'Print a drawing'
complete -c digestfs-graph -l links-from -x -a '(__fish_complete_directories (commandline -ct))' -d 'The directory from which the links lead'

complete -c digestfs-compare -l files -d 'Also compare the files'

complete -c digestfs-check -l platform -x -a $platforms -d 'Require an image for this platform'
complete -c digestfs-check -l label -x -d 'Require a label of every image'
complete -c digestfs-check -l shallow -d 'Read no layers'

complete -c digestfs-cache -n 'not __fish_seen_subcommand_from list verify prune path' -a 'list verify prune path'
complete -c digestfs-cache -l cache-dir -x -a '(__fish_complete_directories (commandline -ct))' -d 'The cache'
complete -c digestfs-cache -l sort -x -a 'use size' -d 'Order of the list'
complete -c digestfs-cache -l older-than -x -d 'Prune what was not used for so long'
complete -c digestfs-cache -l keep-size -x -d 'Prune until no more than this is left'
complete -c digestfs-cache -s n -l dry-run -d 'Only say what would be removed'
