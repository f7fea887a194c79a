# SPDX-License-Identifier: Apache-2.0
# House.cmake: folders are floors. A folder's library links every library of the floors below it and nothing beside it.

enable_testing()

# meshd_folder(<floor> <folder> <dep...>): src/<folder>/*.cc without *_test.cc becomes meshd_<folder>;
# the *_test.cc files become the program test_<folder>. Call with floors ascending. A folder may be empty or absent.
function(meshd_folder floor folder)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${folder}/*.cc)
  file(GLOB nested_tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${folder}/*/*_test.cc)
  set(tests ${sources} ${nested_tests})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")

  get_property(below GLOBAL PROPERTY meshd_floor_below)
  get_property(current GLOBAL PROPERTY meshd_floor_current)
  get_property(number GLOBAL PROPERTY meshd_floor_number)
  if(NOT number STREQUAL floor)
    # A new floor begins: what stood on the one before is now below.
    list(PREPEND below ${current})
    set(current)
    set_property(GLOBAL PROPERTY meshd_floor_below ${below})
    set_property(GLOBAL PROPERTY meshd_floor_number ${floor})
  endif()

  set(library meshd_${folder})
  if(sources)
    add_library(${library} STATIC ${sources})
    target_compile_options(${library} PRIVATE ${meshd_warnings})
    target_include_directories(${library} PUBLIC ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(${library} PRIVATE ${ARGN} PUBLIC ${below})
    list(PREPEND current ${library})
  endif()
  set_property(GLOBAL PROPERTY meshd_floor_current ${current})

  if(tests)
    add_executable(test_${folder} ${tests})
    target_compile_options(test_${folder} PRIVATE ${meshd_warnings})
    target_include_directories(test_${folder} PRIVATE ${PROJECT_SOURCE_DIR}/src)
    target_compile_definitions(test_${folder} PRIVATE MESHD_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    target_link_libraries(test_${folder} PRIVATE $<TARGET_NAME_IF_EXISTS:${library}> ${ARGN} ${below} dep_catch2)
    add_test(NAME unit.${folder} COMMAND test_${folder} --colour-mode none)
    set_tests_properties(unit.${folder} PROPERTIES LABELS unit TIMEOUT 120)
    # Cases tagged [.long] are hidden from the plain run.
    add_test(NAME unit.${folder}.long COMMAND test_${folder} "[.long]" --allow-running-no-tests)
    set_tests_properties(unit.${folder}.long PROPERTIES LABELS long TIMEOUT 1800)
  endif()
endfunction()

# meshd_program(<name> <folder> <dep...>): <folder>/*.cc linked with the whole house.
function(meshd_program name folder)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cc)
  if(NOT sources)
    return()
  endif()
  get_property(below GLOBAL PROPERTY meshd_floor_below)
  get_property(current GLOBAL PROPERTY meshd_floor_current)
  add_executable(${name} ${sources})
  target_compile_options(${name} PRIVATE ${meshd_warnings})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/cmd)
  target_compile_definitions(${name} PRIVATE MESHD_VERSION="${PROJECT_VERSION}")
  target_link_libraries(${name} PRIVATE ${ARGN} ${current} ${below})
  if(NOT MESHD_SANITIZE)
    target_link_options(${name} PRIVATE ${meshd_static_link})
    # An object, not an archive: its symbols must win over glibc's.
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tools/link/no_nss.c)
  endif()
  install(TARGETS ${name} RUNTIME DESTINATION bin)
endfunction()

# meshd_process_tests(<folder> <label>): every <folder>/NAME.sh drives the real binary, named by $MESHD.
# NAME.long.sh waits for `make test-long`; lib*.sh are not tests. One at a time: they share loopback addresses and cores.
function(meshd_process_tests folder label)
  file(GLOB scripts CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.sh)
  foreach(script IN LISTS scripts)
    get_filename_component(test ${script} NAME)
    if(test MATCHES "^lib.*\\.sh$")
      continue()
    endif()
    string(REGEX REPLACE "\\.sh$" "" test ${test})
    add_test(NAME ${label}.${test} COMMAND bash ${script} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/${folder})
    set_tests_properties(${label}.${test} PROPERTIES
      ENVIRONMENT "MESHD=$<TARGET_FILE:meshd>" LABELS ${label} TIMEOUT 120 RESOURCE_LOCK process SKIP_RETURN_CODE 77)
    if(test MATCHES "\\.long$")
      set_tests_properties(${label}.${test} PROPERTIES LABELS long TIMEOUT 1800)
    endif()
  endforeach()
endfunction()

# meshd_fuzzers(<folder>): every <folder>/NAME.cc defines LLVMFuzzerTestOneInput and becomes fuzz_NAME.
function(meshd_fuzzers folder)
  file(GLOB targets CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cc)
  get_property(below GLOBAL PROPERTY meshd_floor_below)
  get_property(current GLOBAL PROPERTY meshd_floor_current)
  foreach(source IN LISTS targets)
    get_filename_component(name ${source} NAME_WE)
    add_executable(fuzz_${name} EXCLUDE_FROM_ALL ${source})
    target_compile_options(fuzz_${name} PRIVATE ${meshd_warnings})
    target_include_directories(fuzz_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(fuzz_${name} PRIVATE ${current} ${below})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  endforeach()
endfunction()
