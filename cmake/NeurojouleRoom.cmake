# One folder of the house is one static library: public headers in include/, private sources in src/.

# Compile options shared by every target of the project.
add_library(nj_options INTERFACE)
target_compile_features(nj_options INTERFACE cxx_std_20)
target_compile_options(nj_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wnon-virtual-dtor -Wold-style-cast)
# Files that are compiled as one see each other's names, and look like headers.
set(is_unity $<BOOL:$<TARGET_PROPERTY:UNITY_BUILD>>)
target_compile_options(nj_options INTERFACE
  $<IF:${is_unity},-Wshadow=local,-Wshadow> $<${is_unity}:-Wno-subobject-linkage>)
if(NJ_WARNINGS_AS_ERRORS)
  target_compile_options(nj_options INTERFACE -Werror)
endif()
# One rounding for every machine: no fused multiply-add, whatever the target allows.
target_compile_options(nj_options INTERFACE -ffp-contract=off)
if(NJ_SANITIZE)
  target_compile_options(nj_options INTERFACE -fsanitize=${NJ_SANITIZE} -fno-omit-frame-pointer
                                              -fno-sanitize-recover=all)
  target_link_options(nj_options INTERFACE -fsanitize=${NJ_SANITIZE})
  # Checks of every pointer that is used take two fifths of the compile time. The address sanitizer
  # finds the uses that go astray.
  if(NJ_SANITIZE MATCHES undefined)
    target_compile_options(nj_options INTERFACE
      -fno-sanitize=null,alignment,object-size,vptr,pointer-overflow
      -fno-sanitize=nonnull-attribute,returns-nonnull-attribute)
  endif()
endif()
if(NJ_COVERAGE)
  target_compile_options(nj_options INTERFACE --coverage)
  target_link_options(nj_options INTERFACE --coverage)
endif()

# How tests are compiled: without optimisation, which would take a third of their compile time and
# gain seconds; under the thread sanitizer those that compute much would take three times as long.
if(NJ_SANITIZE MATCHES thread)
  set(nj_test_options -O1)
elseif(NOT NJ_COVERAGE)
  set(nj_test_options -O0)
endif()

# Sanitizer builds compile several files of a room as one, which takes two thirds of the time, and so
# does every build those of a test. Names without a namespace are therefore met once in a room, and
# once in a test. Rooms are compiled file by file else, so that an include that is missing is found.
# Files that Highway compiles once per instruction set stay alone.
if(NJ_SANITIZE)
  set(CMAKE_UNITY_BUILD ON)
endif()
function(nj_keep_highway_apart)
  foreach(source IN LISTS ARGN)
    file(STRINGS ${source} per_instruction_set REGEX "hwy/foreach_target.h" LIMIT_COUNT 1)
    if(per_instruction_set)
      set_source_files_properties(${source} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    endif()
  endforeach()
endfunction()

# What targets that use Highway share: the instruction sets that it leaves out. Arrays of vectors need
# a size that is known at compile time, which SVE and RVV lack. Each set costs as much to compile as all
# the rest of a file: x86 processors without AVX2, from before 2013, get the baseline only, and
# sanitizer builds have AVX2 and the baseline.
add_library(nj_simd INTERFACE)
set(nj_disabled_targets HWY_SVE HWY_SVE2 HWY_SVE_256 HWY_SVE2_128 HWY_RVV HWY_SSSE3 HWY_SSE4)
if(NJ_SANITIZE)
  list(APPEND nj_disabled_targets HWY_AVX3 HWY_AVX3_DL)
endif()
list(JOIN nj_disabled_targets "|" nj_disabled_targets)
target_compile_definitions(nj_simd INTERFACE "HWY_DISABLED_TARGETS=(${nj_disabled_targets})")

# nj_add_room(<name> SOURCES <src>... [ROOMS <room>...] [LIBRARIES <private library>...])
# A room sees the headers of the rooms it names, and of no others. Third-party libraries are private.
function(nj_add_room name)
  cmake_parse_arguments(ARG "" "" "SOURCES;ROOMS;LIBRARIES" ${ARGN})
  set(target neurojoule_${name})
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(neurojoule::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target}
    PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
  foreach(room IN LISTS ARG_ROOMS)
    target_link_libraries(${target} PUBLIC neurojoule::${room})
  endforeach()
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:nj_options> ${ARG_LIBRARIES})
  nj_keep_highway_apart(${ARG_SOURCES})
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/include)
    install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  endif()
  install(TARGETS ${target} EXPORT neurojouleTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endfunction()

# Installs the export set and a package file that finds the libraries that static linking needs.
function(nj_install_package)
  include(CMakePackageConfigHelpers)
  set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/neurojoule)
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/neurojouleConfig.cmake.in
    ${PROJECT_BINARY_DIR}/neurojouleConfig.cmake INSTALL_DESTINATION ${package_dir})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/neurojouleConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/neurojouleConfig.cmake
                ${PROJECT_BINARY_DIR}/neurojouleConfigVersion.cmake
                ${PROJECT_SOURCE_DIR}/cmake/FindMETIS.cmake DESTINATION ${package_dir})
  install(EXPORT neurojouleTargets NAMESPACE neurojoule:: DESTINATION ${package_dir})
endfunction()
