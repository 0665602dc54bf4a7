"""Names of programs that a production image rarely needs, by class.

A row is one tool: the name it is known by, then its other names and its helpers (`apt-get`, `apt`, `apt-cache`).
A tool is reported under the first name of its row that is present. A target triplet in front and a version behind
are taken off before looking a name up (`x86_64-linux-gnu-gcc-12`, `python3.11`, `clang-15`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from imgscan.report import ToolClass

_NAMES: dict[ToolClass, str] = {
    ToolClass.COMPILER: """
        gcc cc c89 c99 c89-gcc c99-gcc cpp gcov gcov-tool gcov-dump lto-dump
        g++ c++
        clang clang++ clang-cl clang-cpp
        gfortran f77 f95
        gnat gnatmake
        gdc
        gccgo
        go gofmt
        rustc rustdoc
        javac jar
        kotlinc kotlin
        scalac scala scala3-compiler
        groovyc
        ghc ghci runghc
        ocaml ocamlc ocamlopt ocamlfind
        fpc ppcx64
        nasm
        yasm
        as
        tcc
        icc icx icpc
        nvcc
        zig
        swiftc swift
        dmd ldc2
        nim
        crystal
        dotnet
        csc mcs
        erlc
        elixirc
        tsc
        emcc em++
        ispc
        vala valac
        dart
        protoc
        flex lex
        bison yacc byacc
        swig
        cython
        llc llvm-as llvm-mc
    """,
    ToolClass.LINKER: """
        ld ld.bfd ld.gold gold dwp
        lld ld.lld ld64.lld lld-link wasm-ld
        mold ld.mold
        wild
        ar ranlib gcc-ar gcc-ranlib gcc-nm llvm-ar llvm-ranlib
    """,
    ToolClass.BUILD_SYSTEM: """
        make gmake bmake
        cmake ctest cpack ccmake
        ninja ninja-build samu
        meson
        scons
        bazel bazelisk
        buck buck2
        pants
        gradle gradlew
        mvn mvnw mvnd mvnDebug
        ant
        sbt
        lein
        autoconf autoreconf autoheader autom4te autoscan autoupdate ifnames
        automake aclocal
        libtool libtoolize
        m4
        pkg-config pkgconf
        msbuild xbuild
        rake
        just
        task go-task
        earthly
        b2 bjam
        qmake qmake6
        xmake
        premake5
        waf
        gyp node-gyp
        dpkg-buildpackage dpkg-source dpkg-genchanges dpkg-gencontrol dpkg-shlibdeps dpkg-architecture debuild
        rpmbuild rpmspec
        abuild
        ccache
        distcc
    """,
    ToolClass.PACKAGE_MANAGER: """
        apt-get apt apt-cache apt-mark apt-config apt-key apt-cdrom apt-ftparchive apt-extracttemplates apt-sortpkgs
        aptitude
        dpkg dpkg-query dpkg-deb dpkg-split dpkg-trigger dpkg-divert dpkg-statoverride dpkg-realpath dpkg-reconfigure
        apk
        yum yumdownloader
        dnf dnf-3 dnf5
        microdnf
        tdnf
        rpm rpmkeys rpmdb rpmquery rpmverify rpm2cpio rpm2archive
        zypper
        urpmi
        pacman pacman-key makepkg
        xbps-install xbps-query xbps-remove
        emerge portageq ebuild
        opkg opkg-cl
        ipkg
        brew
        nix nix-env nix-build nix-shell nix-store nix-channel
        guix
        conda
        mamba
        micromamba
        pixi
        snap
        flatpak
        eopkg
        swupd
        add-apt-repository apt-add-repository
    """,
    ToolClass.LANGUAGE_INSTALLER: """
        npm npx
        yarn yarnpkg
        pnpm pnpx
        corepack
        bun bunx
        deno
        pip pip3
        pipx
        uv uvx
        poetry
        pipenv
        pdm
        hatch
        rye
        easy_install
        virtualenv
        pyenv
        gem
        bundle bundler
        composer
        pear pecl phpize
        docker-php-ext-install docker-php-ext-configure docker-php-ext-enable docker-php-source
        cargo
        rustup rustup-init
        cpan
        cpanm cpanminus
        luarocks
        mix
        rebar3
        cabal
        stack
        opam
        raco
        nuget
        pub
        coursier
        nvm
        fnm
        volta
        asdf
        mise
        rbenv
        vcpkg
        conan
        shards
        nimble
        carton
    """,
    ToolClass.VERSION_CONTROL: """
        git git-receive-pack git-upload-pack git-upload-archive git-shell git-cvsserver scalar
        git-lfs
        hg
        svn svnadmin svnversion svnsync svnlook svnserve svnrdump svndumpfilter svnmucc svnfsfs svnauthz svnbench
        bzr brz
        fossil
        cvs
        darcs
        jj
        p4
    """,
    ToolClass.DOWNLOADER: """
        curl
        wget
        wget2
        aria2c
        fetch
        axel
        lynx
        links
        elinks
        w3m
        http https httpie xh
        wcurl
        ftp lftp ncftp ncftpget tnftp ftpget
        tftp
        yt-dlp youtube-dl
    """,
    ToolClass.REMOTE_SHELL: """
        ssh slogin ssh-add ssh-agent ssh-copy-id ssh-keygen ssh-keyscan ssh-argv0
        sshd
        scp
        sftp sftp-server
        dropbear dbclient dropbearkey dropbearconvert dropbearmulti
        rsync rsync-ssl
        telnet
        telnetd in.telnetd
        rlogin rsh
        rexec
        mosh mosh-client mosh-server
        sshpass
        plink
        ansible ansible-playbook
    """,
    ToolClass.NETWORK_TOOL: """
        nc netcat nc.openbsd nc.traditional
        ncat
        socat
        nmap nping
        masscan
        tcpdump
        tshark dumpcap
        ngrep
        dig delv
        nslookup
        host
        drill
        ping ping4 ping6 arping
        traceroute traceroute6 tracepath
        mtr
        ip
        ss
        ifconfig
        netstat
        route
        arp
        iptables iptables-save ip6tables iptables-nft iptables-legacy xtables-nft-multi xtables-legacy-multi
        nft
        tc
        brctl
        bridge
        ethtool
        hping3
        iperf iperf3
        openvpn
        wg wg-quick
        tor
        proxychains proxychains4
        hydra
        nikto
        sqlmap
        msfconsole
    """,
    ToolClass.DEBUGGER: """
        gdb gdb-multiarch gdbserver gcore gdb-add-index
        lldb lldb-server
        strace strace-log-merge
        ltrace
        perf
        valgrind
        bpftrace
        rr
        delve dlv
        objdump objcopy readelf nm strip strings size addr2line elfedit gprof c++filt llvm-objdump llvm-readelf llvm-nm
        radare2 r2
        jdb jstack jmap jcmd jhsdb
        py-spy
        tmux
        screen
        xxd
        patchelf
        fatrace
        bpftool
        dotnet-dump dotnet-trace
    """,
    ToolClass.CONTAINER_CLI: """
        docker docker-compose docker-init
        dockerd
        containerd ctr containerd-shim-runc-v2
        podman
        kubectl
        oc
        helm
        crictl
        nerdctl
        buildah
        buildctl buildkitd
        skopeo
        runc
        crun
        crane
        k9s
        kustomize
        minikube
        kind
        k3s
        kubeadm
        kubelet
        argocd
        flux
        oras
        cosign
    """,
    ToolClass.CLOUD_CLI: """
        aws aws_completer
        az
        gcloud gsutil bq
        doctl
        eksctl
        terraform
        tofu
        terragrunt
        pulumi
        packer
        vault
        consul
        nomad
        ibmcloud
        oci
        linode-cli
        hcloud
        scw
        heroku
        flyctl fly
        vercel
        netlify
        wrangler
        s3cmd
        rclone
        sops
        gh
        glab
    """,
    ToolClass.EDITOR: """
        vi vim vim.tiny vim.basic vim.nox vimdiff view rvim rview ex vimtutor
        nvim
        nano rnano
        emacs emacsclient
        ed red
        joe
        pico
        mcedit
        micro
        hx
        jed
    """,
    ToolClass.SHELL: """
        sh
        bash rbash
        dash
        ash
        zsh
        ksh ksh93 mksh
        fish
        csh tcsh
        busybox
        toybox
        pwsh
        elvish
        xonsh
    """,
}


@dataclass(frozen=True, slots=True)
class ToolName:
    """A row of the table: `names` in the order in which they name the tool."""

    names: tuple[str, ...]
    tool_class: ToolClass


def _table() -> dict[str, ToolName]:
    table: dict[str, ToolName] = {}
    for tool_class, rows in _NAMES.items():
        for row in rows.split("\n"):
            names = tuple(row.split())
            for name in names:
                table.setdefault(name, ToolName(names, tool_class))
    return table


TOOL_NAMES: dict[str, ToolName] = _table()

_TRIPLET = re.compile(r"(?:[a-z0-9_]+-){1,2}(?:linux|mingw32)[a-z0-9_]*-(?:(?:gnu|musl|uclibc)[a-z0-9_]*-)?")
_VERSION = re.compile(r"-?\d+(?:\.\d+)*\Z")
_SHORTEST = 2  # characters a name keeps when its version is taken off


def tool_named(name: str) -> tuple[str, ToolName] | None:
    """(name without triplet and version, row) of a program's file name; None where it is no tool of the table."""
    if len(name) > 80:
        return None
    row = TOOL_NAMES.get(name)
    if row is not None:
        return name, row
    plain = _TRIPLET.sub("", name, count=1)
    version = None if plain in TOOL_NAMES else _VERSION.search(plain)
    short = plain[: version.start()] if version else plain
    row = TOOL_NAMES.get(short)
    if row is None or (version and len(short) < _SHORTEST):
        return None
    return short, row
