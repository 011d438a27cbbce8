# Run by CPack on the staged tree before it is packed: what Debian asks of a package beyond its
# files, and one time for all of them, so that the same commit makes the same bytes.

set(time $ENV{SOURCE_DATE_EPOCH})
if(NOT time MATCHES "^[0-9]+$")
  message(FATAL_ERROR "SOURCE_DATE_EPOCH is not set; packaging/build-deb.sh sets it")
endif()
set(stage ${CPACK_TEMPORARY_DIRECTORY}/usr/share)

# CHANGELOG.md is the real one; this is the form that Debian's tools read.
execute_process(COMMAND date --utc --rfc-email --date=@${time}
                OUTPUT_VARIABLE date OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
file(WRITE ${stage}/doc/${CPACK_PACKAGE_NAME}/changelog
"${CPACK_PACKAGE_NAME} (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * See CHANGELOG.md.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")
file(GLOB manuals ${stage}/man/man1/*.1)
execute_process(COMMAND gzip --best --no-name ${stage}/doc/${CPACK_PACKAGE_NAME}/changelog ${manuals}
                COMMAND_ERROR_IS_FATAL ANY)

execute_process(COMMAND find ${CPACK_TEMPORARY_DIRECTORY} -exec touch --no-dereference
                        --date=@${time} {} +
                COMMAND_ERROR_IS_FATAL ANY)
