# SPDX-License-Identifier: Apache-2.0
# What Debian's policy wants of the files of a package. CPack runs this before it packs them.

file(GLOB_RECURSE pages ${CPACK_TEMPORARY_DIRECTORY}/usr/share/man/*.[1-8])
set(documents ${CPACK_TEMPORARY_DIRECTORY}/usr/share/doc/digestfs)
file(INSTALL ${CMAKE_CURRENT_LIST_DIR}/copyright DESTINATION ${documents})
file(INSTALL ${CMAKE_CURRENT_LIST_DIR}/changelog DESTINATION ${documents})
file(RENAME ${documents}/changelog ${documents}/changelog.Debian)
file(INSTALL ${CMAKE_CURRENT_LIST_DIR}/../../CHANGELOG.md DESTINATION ${documents})
file(RENAME ${documents}/CHANGELOG.md ${documents}/changelog)
execute_process(
  COMMAND gzip -9n ${pages} ${documents}/changelog ${documents}/changelog.Debian
  COMMAND_ERROR_IS_FATAL ANY)
file(INSTALL ${CMAKE_CURRENT_LIST_DIR}/overrides
  DESTINATION ${CPACK_TEMPORARY_DIRECTORY}/usr/share/lintian/overrides)
file(RENAME ${CPACK_TEMPORARY_DIRECTORY}/usr/share/lintian/overrides/overrides
  ${CPACK_TEMPORARY_DIRECTORY}/usr/share/lintian/overrides/digestfs)
