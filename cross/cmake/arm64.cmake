# CMake toolchain file: 64-bit ARM (Pi 3 to 5, Jetson).
#
#   apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross
#   cmake -B build-arm64 -DCMAKE_TOOLCHAIN_FILE=cross/cmake/arm64.cmake && cmake --build build-arm64
#
# With qemu-user-static installed, ctest and try_run() run the programs under it.
# The flags are those of the target arm64 in cross/boards; a test keeps them the same.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)

set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static;-cpu;cortex-a53;-L;/usr/aarch64-linux-gnu)

# Programs of this machine, libraries and headers of the board.
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)
