# CMake toolchain file: 64-bit RISC-V (VisionFive 2).
#
#   apt-get install gcc-riscv64-linux-gnu libc6-dev-riscv64-cross
#   cmake -B build-riscv64 -DCMAKE_TOOLCHAIN_FILE=cross/cmake/riscv64.cmake && cmake --build build-riscv64
#
# With qemu-user-static installed, ctest and try_run() run the programs under it.
# The flags are those of the target riscv64 in cross/boards; a test keeps them the same.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR riscv64)

set(CMAKE_C_COMPILER riscv64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER riscv64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-riscv64-static;-L;/usr/riscv64-linux-gnu)

# Programs of this machine, libraries and headers of the board.
set(CMAKE_FIND_ROOT_PATH /usr/riscv64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)
