# CMake toolchain file: ARMv7 with VFPv3 (Pi 2, BeagleBone, 32-bit systems on Pi 3 to 5).
#
#   apt-get install gcc-arm-linux-gnueabihf libc6-dev-armhf-cross
#   cmake -B build-armhf -DCMAKE_TOOLCHAIN_FILE=cross/cmake/armhf.cmake && cmake --build build-armhf
#
# With qemu-user-static installed, ctest and try_run() run the programs under it.
# The flags are those of the target armv7 in cross/boards; a test keeps them the same.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR armv7l)

set(CMAKE_C_COMPILER arm-linux-gnueabihf-gcc)
set(CMAKE_CXX_COMPILER arm-linux-gnueabihf-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-arm-static;-cpu;cortex-a7;-L;/usr/arm-linux-gnueabihf)

# Programs of this machine, libraries and headers of the board.
set(CMAKE_FIND_ROOT_PATH /usr/arm-linux-gnueabihf)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)
