# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where, and the package that find_package(Perigee) finds.

include(CMakePackageConfigHelpers)

set(perigee_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Perigee)
foreach(part foundation storage model engine wire client)
  set_target_properties(perigee_${part} PROPERTIES EXPORT_NAME ${part})
endforeach()
install(TARGETS perigee_foundation perigee_storage perigee_model perigee_engine EXPORT PerigeeTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT PerigeeTargets NAMESPACE perigee:: DESTINATION ${perigee_package_dir})
install(TARGETS perigee_wire perigee_client EXPORT PerigeeClientTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT PerigeeClientTargets NAMESPACE perigee:: DESTINATION ${perigee_package_dir})
install(DIRECTORY engine/include/perigee client/include/perigee DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

configure_package_config_file(cmake/PerigeeConfig.cmake.in PerigeeConfig.cmake
                              INSTALL_DESTINATION ${perigee_package_dir})
write_basic_package_version_file(PerigeeConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/PerigeeConfig.cmake ${CMAKE_BINARY_DIR}/PerigeeConfigVersion.cmake
        DESTINATION ${perigee_package_dir})
