# Bound into containers: static, so that it needs nothing of the image, and nothing of the project is in it.
add_executable(wolffia-init init_main.cc)
target_compile_definitions(wolffia-init PRIVATE _GNU_SOURCE)
target_compile_options(wolffia-init PRIVATE -Wall -Wextra -Wshadow -Wconversion -Werror -Os -fno-exceptions -fno-rtti)
target_link_options(wolffia-init PRIVATE -static -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections)
