# CMake toolchain file: ARMv6 (Pi Zero, Pi 1).
#
#   apt-get install gcc-arm-linux-gnueabi libc6-dev-armel-cross
#   cmake -B build-armel -DCMAKE_TOOLCHAIN_FILE=cross/cmake/armel.cmake && cmake --build build-armel
#
# With qemu-user-static installed, ctest and try_run() run the programs under it.
# The flags are those of the target armv6 in cross/boards; a test keeps them the same.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR armv6l)

set(CMAKE_C_COMPILER arm-linux-gnueabi-gcc)
set(CMAKE_CXX_COMPILER arm-linux-gnueabi-g++)
set(CMAKE_C_FLAGS_INIT "-march=armv6 -marm")
set(CMAKE_CXX_FLAGS_INIT "-march=armv6 -marm")
# Debian's armhf libc is ARMv7, so this is the soft-float compiler; the board has another libc, so
# programs are static; 64-bit atomics come from libatomic.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static")
set(CMAKE_C_STANDARD_LIBRARIES "-latomic")
set(CMAKE_CXX_STANDARD_LIBRARIES "-latomic")
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-arm-static;-cpu;arm1176)

# Programs of this machine, libraries and headers of the board.
set(CMAKE_FIND_ROOT_PATH /usr/arm-linux-gnueabi)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)
