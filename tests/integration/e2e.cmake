# What hostile images of escapes*.bats are made of: small static programs, none of the project's code or options in them.
foreach(name steal swap terminal watch)
  add_executable(hostile_${name} ${PROJECT_SOURCE_DIR}/tests/hostile/${name}.c)
  target_link_options(hostile_${name} PRIVATE -static)
endforeach()
add_library(hostile_library MODULE ${PROJECT_SOURCE_DIR}/tests/hostile/library.c)
foreach(name steal swap terminal watch library)
  target_compile_options(hostile_${name} PRIVATE -Wall -Wextra -Werror)
  set_target_properties(hostile_${name} PROPERTIES OUTPUT_NAME ${name} PREFIX ""
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/hostile LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/hostile)
endforeach()

# End-to-end tests: bats files, each one ctest entry.
find_program(BATS bats)
if(BATS)
  file(GLOB paths CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/e2e/[a-z]*.bats)
  foreach(path ${paths})
    get_filename_component(file ${path} NAME_WE)
    add_test(NAME e2e_${file} COMMAND ${BATS} --print-output-on-failure ${path})
    set_tests_properties(e2e_${file} PROPERTIES LABELS e2e TIMEOUT 900
      ENVIRONMENT
      "WOLFFIA_BIN_DIR=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};WOLFFIA_HOSTILE_DIR=${PROJECT_BINARY_DIR}/tests/hostile")
  endforeach()
else()
  message(WARNING "bats is missing: no end-to-end tests")
endif()
