# SPDX-License-Identifier: Apache-2.0
# What Debian's policy wants of the files of a package. CPack runs this before it packs them.

set(shared ${CPACK_TEMPORARY_DIRECTORY}/usr/share)
set(here ${CMAKE_CURRENT_LIST_DIR})
configure_file(${here}/copyright ${shared}/doc/digestfs/copyright COPYONLY)
configure_file(${here}/changelog ${shared}/doc/digestfs/changelog.Debian COPYONLY)
configure_file(${here}/../../CHANGELOG.md ${shared}/doc/digestfs/changelog COPYONLY)
configure_file(${here}/overrides ${shared}/lintian/overrides/digestfs COPYONLY)
file(GLOB_RECURSE pages ${shared}/man/*.[1-8])
file(GLOB changelogs ${shared}/doc/digestfs/changelog*)
execute_process(COMMAND gzip -9n ${pages} ${changelogs} COMMAND_ERROR_IS_FATAL ANY)
