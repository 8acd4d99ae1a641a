# What every target of ours shares: the language, the warnings, where things go.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  # Precompiled headers need this sloppiness, else ccache never hits.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE_PROGRAM})
endif()

find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()

add_library(ates_options INTERFACE)
target_include_directories(ates_options INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(ates_options INTERFACE -Wall -Wextra -Wconversion -Werror -fpch-preprocess)
target_compile_definitions(ates_options INTERFACE ATES_VERSION="${PROJECT_VERSION}")

option(ATES_SANITIZE "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
if(ATES_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
endif()

# ates_library(<folder> SOURCES ... LINK ...): the one static library of a folder, target ates_<folder>.
function(ates_library folder)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(ates_${folder} STATIC ${ARG_SOURCES})
  target_link_libraries(ates_${folder} PUBLIC ates_options ${ARG_LINK})
endfunction()

# ates_test(<layer> SOURCES ... LINK ... [LABELS ...]): one Boost.Test binary per layer, run by ctest.
function(ates_test layer)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  add_executable(test_${layer} ${ARG_SOURCES})
  target_link_libraries(test_${layer} PRIVATE ates_options Boost::unit_test_framework ${ARG_LINK})
  target_compile_definitions(test_${layer} PRIVATE BOOST_TEST_DYN_LINK ATES_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${layer} COMMAND test_${layer} --log_level=test_suite --report_level=short
           WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  set_tests_properties(${layer} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()

# ates_python_tests(<prefix> TIMEOUT s [SLOTS n] [ALONE name...] [FIRST name...]): each *_test.py of this folder as test
# <prefix>_<name>. They drive scripts, which start what is in build/release: in another build folder they would test something
# else. Each has its own folders, ports and PostgreSQL, and mostly waits: several run at once, as many as have room in the slots
# of `ctest --parallel` (of which scripts/test gives two to each core). ALONE: what promises a time, or takes all that the
# machine has. FIRST: what takes longest, so that it is not what the end of all waits for.
function(ates_python_tests prefix)
  cmake_parse_arguments(ARG "" "TIMEOUT;SLOTS" "ALONE;FIRST" ${ARGN})
  if(NOT CMAKE_BINARY_DIR STREQUAL "${CMAKE_SOURCE_DIR}/build/release")
    return()
  endif()
  file(GLOB tests CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*_test.py")
  foreach(file IN LISTS tests)
    get_filename_component(module "${file}" NAME_WE)
    string(REGEX REPLACE "_test$" "" name "${module}")
    # Debian's own Python: it has the packages of scripts/packages.txt.
    add_test(NAME ${prefix}_${name} COMMAND /usr/bin/python3 -m unittest -v ${module}
             WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
    set_tests_properties(${prefix}_${name} PROPERTIES LABELS system TIMEOUT ${ARG_TIMEOUT})
    if(ARG_SLOTS)
      set_tests_properties(${prefix}_${name} PROPERTIES PROCESSORS ${ARG_SLOTS})
    endif()
    if(name IN_LIST ARG_ALONE)
      set_tests_properties(${prefix}_${name} PROPERTIES RUN_SERIAL TRUE)
    endif()
    if(name IN_LIST ARG_FIRST)
      set_tests_properties(${prefix}_${name} PROPERTIES COST 1000)
    endif()
  endforeach()
endfunction()
