// What every machine has to compute, to the last bit. Made by
//
//     dp-train verify-bits --table > Sources/Verification/ReferenceBits.swift
//
// and changed by hand only to add a run or to change a run's flags; then made again. A change to the program that alters
// bits alters this table in the same commit, and says in the commit's message why. Any other change after which this
// table does not hold is a mistake.
//
// A run has a line for each moment. A loss stands there with all its bits, each tensor with four digits of a digest:
// running statistics, then the optimizer's state, then parameters, then those of a mean of the weights.

extension ReferenceTable {
    /// The table of this program.
    package static let current = ReferenceTable(
        kernels: """
            gemm_nn                    c0f62a59feb77a1a
            gemm_tn                    8c756277b429d044
            gemm_pixels                b0b75dbd0a1a589c
            convert_pixels             cba0cd7b97ee8979
            pack_b                     8ae5f3479f7c65d7
            pack_b_transposed          3962154be0931b33
            pack_b_pixels              3a429024171f8157
            int8_gemm_nt/2             a5b81d9822598984
            int8_gemm_tn/2             42a60d8d030124f9
            int8_gemm_nt/3             495b7250dfa768f2
            int8_gemm_tn/3             5e11e2ff940f74eb
            bytes_forward              ed568f1c5ada0fcc
            bytes_backward             54dda2eab7bb844d
            bytes_gradient             8aefa450882ddf14
            bytes_pixels               3faf55deb998ff31
            bfloat16_round             c75aa2b0ec81df15
            bfloat16_forward           82bfcbf785c6f796
            bfloat16_backward          6226618570e3f814
            bfloat16_gradient          ad9d1d97922ea62b
            exp                        91453d2a5e1d36f2
            elu                        b29fe6bee02a4a9a
            relu                       276e9836c9901a4a
            tanh                       5b6eaf347f6e44e4
            gelu                       8c9ec346ad3d6967
            elu_backward               355502f60f633e36
            relu_backward              c8eb135409615d7b
            tanh_backward              0155403a24644e1b
            gelu_backward              c30a893b3936ac23
            dropout                    9e6df5b2cf7669d1
            add                        44fa7e9f2f73b79f
            scale                      d28423577e0075d2
            blend                      ef651e79f804d47f
            add_bias                   686a44e888b3e2d7
            column_sums                25545af0b48f32cc
            column_moments             4cd88b9cd7e689e4
            merge_moments              0254b3b63c5313d0
            column_magnitudes          636f9801daf1633b
            largest_magnitude          57c862142938ed45
            add_fixed                  9c0c225b08a55d13
            from_fixed                 fb46eac977ebf13f
            variances                  a50ce94860d3e002
            scales                     50581932aef96f76
            batch_norm                 d9ba8824191faf0d
            batch_norm_sums            5408170aa8d6749e
            batch_norm_backward        05b2415050e2f521
            layer_norm                 eba84a9dd8a0f404
            layer_norm_backward        f5228c6f23ee069c
            softmax                    8837e74a62707e74
            softmax_backward           8f8a33bbdf6e3f63
            softmax_cross_entropy      74fb6652bb68c4aa
            softmax_cross_entropy_soft 3fb9c4667fe5ff97
            sgd                        ffb56c72e469fde2
            sgd_l1                     32ed9d88fa5db816
            adamw                      1996b48ba70179a8
            adamw_l1                   101968a5721bdf6a
            adamw_corrections          15e5f7c74c9c0fbd
            lion                       ec697648852c9cc2
            random_integers            fd0a43d6e995dd70
            random_normal              61af395cdb922bad
            random_beta                a42bf5ff71e7b7e9
            initialization             d9c1f0822f97c6b2
            initialization_window      9f46920dd947dfea
            global_shuffle             9268693a8731ea95
            shards                     c391e449f7b54259
            schedule_constant          b662b432b8b3f3d1
            schedule_step              00cefb484f2a5b91
            schedule_cosine            c7c6bb95aec5a4cf
            pixel_normalization        52d56bb133e9a33b
            synthetic_images           e9323c25912a8768
            augmentation               60fb829c7e5a132d
            deformation                d7a619a0501e3d53
            mixup                      a5f93bc1ed66d9ae
            """,
        runs: [
            ReferenceRun(
                "defaults",
                "--hidden-dims 40",
                sha256: "e27b6ebba82b52c65e7622234c985f116b0e9b054ccdfa86ede17345fa759259",
                """
                step 1: 4064fd916da00000 de82 0600 50f9 30c8
                step 2: 40757736622be000 f330 e27d 34a1 bf9a
                step 3: 4070a0a601bc0000 5b47 5e06 6c79 10b2
                validation 1: 401e7fcbb5333333
                step 4: 40752cf612d90000 5a1d 9fe4 9cb2 e140
                step 5: 4080e9bd7d2c81c0 390d 7732 bcc8 f4b8
                step 6: 407abaec08100000 83da ef38 8afd e3f7
                validation 2: 401d8263bb333333
                test: 4018623f8a320e66
                """),
            ReferenceRun(
                "momentum",
                "--hidden-dims 13,9 --activation relu --lr 0.02 --momentum 0.9 --weight-decay 0.001 --lr-schedule step --lr-step-epochs 1 --lr-step-factor 0.3 --matmul-precision highest",
                sha256: "530e338613c85e1ce44b9692055eea930628ef3d017a0bd33b6a61f1cc970f03",
                """
                step 1: 4063db5ace400000 92c2 9f0d 8788 e62f fbf5 240f 6ba7 3c0b 1fe4 41fc bf55 d100
                step 2: 4064547d03000000 fa9a afd4 8679 ede2 eb0d d661 5c1f d2dc 2a73 3086 e808 6e38
                step 3: 4065391309200000 20cc ad1d e1f1 27a5 b8c2 a1bc b6c5 8e5d 58ed 1985 dbba 3e85
                validation 1: 4003148144000000
                step 4: 4064223648600000 25e6 f6c4 9687 98be 4fc6 abba 2968 d0bc e846 abda 336e b4c9
                step 5: 40661c7893e00000 6d3c 649f 81db 82ec 370f 42ae 9f0d 2227 f442 5411 c242 673e
                step 6: 406653d7d0000000 df97 64ab 2be1 2c69 3d08 60b3 fa9d a19c baf7 95ec 53ed 0e51
                validation 2: 4003f64ec4000000
                test: 400571a326666666
                """),
            ReferenceRun(
                "nesterov",
                "--hidden-dims 9 --activation tanh --batch-norm sync --lr 0.05 --momentum 0.8 --nesterov --lr-schedule cosine --warmup-epochs 0.5 --matmul-precision medium",
                sha256: "fe9dc622c3549132149f92d3a9b6058bd004a231f3b78bfeae0f925c94955f8d",
                """
                step 1: 40662d3784800000 fa5c b32a 95df adb6 ebc1 aa0f a9b5 bcd9 05e0 d054 3ec2 e758 5108 6f89
                step 2: 4064203b80c00000 ea48 9b02 9695 a050 e8a3 ce0c 9e23 a43a 27ac b629 be51 f2e4 c543 3632
                step 3: 40636906cd400000 f843 6a90 8863 9f05 8bd3 fb87 898e ea7d a58e 9252 28bb 921c 3e92 0094
                validation 1: 4003e4dba7333333
                step 4: 4061fa16a8800000 3c4e a5ef 339a f2a3 d1ce 3996 6e18 f1c6 0d86 0249 a93d 6753 0c20 e390
                step 5: 4061986dfa200000 3eca f7aa 522d 5f16 7f4b 09fa 5177 5997 bd86 5ee5 4f56 48e2 e28b eee7
                step 6: 40618cd8e8200000 2cfc da8e 81bd 37a8 c703 35e2 a050 0275 8667 8459 9dd4 8737 f50f bf2e
                validation 2: 40031fec66666666
                test: 4006e9bdcb333333
                """),
            ReferenceRun(
                "batch-norm",
                "--hidden-dims 8,35 --elu-alpha 0.7 --batch-norm local --lr 0.03 --matmul-precision high",
                sha256: "fd95bef1b46b0e1f8f1cb3ba0fa613f2b66030b4c3cea9c64062dfd0d7be5cc6",
                """
                step 1: 406409143e800000 bad9 7188 e862 4220 941d e72d 6c16 2b3f 4d40 fc10 7817 10da de01 472b
                step 2: 4065050764400000 5232 7243 79c3 f0f8 5a49 e7ca 48e1 f545 9d0d 844c 0713 0ac8 c7e6 a945
                step 3: 4065b4fa7ac00000 8319 3972 c4bf a476 34f4 81b9 2331 4fc7 50fb 7eb1 d16e 7bb8 fa6d 704e
                validation 1: 404477d44f266666
                step 4: 406354956bc00000 4c16 bfc2 8d33 1fde 2137 3f12 1702 0490 424b 2302 1fc9 76e7 7dd0 bd7d
                step 5: 406527a4c8200000 f5d7 5335 1b21 bae3 413b 7e92 a509 cd4e 5506 1e40 6c28 89c6 1f6b cc94
                step 6: 406479c48ca00000 59bd 7495 2f85 b4ee dbc1 f54d 71ea fe1b 383b 4eb0 ead6 1925 074e 7414
                validation 2: 400441a8b7333333
                test: 40378ead0029999a
                """),
            ReferenceRun(
                "residual",
                "--hidden-dims 17,5 --activation tanh --batch-norm sync --residual --matmul-precision high",
                sha256: "7b2231c905a1433edc4ddfffc807626553e97b3f69a5dd8c5dde10bb5973e8c5",
                """
                step 1: 406b5b1836b00000 7cf8 f8d7 31e2 3610 2cd9 a0f2 5507 cb70 71b0 2406 de2d 5f23 3857 d5d5 4e20 3f3c 60d1 4d1f e48d af5b 688b ec37 139e bd4b 4746 77df d474 a376 db3e 34da
                step 2: 40673d70c2000000 2f15 31dd f142 9fff f9af ec78 9d58 44f6 7610 d382 f156 6735 9919 a593 64f6 060b 5529 0f8c 5082 9980 f37a 346c e6f1 47a5 4a33 d281 2807 ce59 3d9d 7b6d
                step 3: 406558e94f400000 a257 65da 74e8 68a7 c51f daba 58f1 135e 7d34 da4d 1da3 8b28 4dff a939 7d10 e8a3 3814 7f2b 8657 d350 9265 eba7 84b6 b2a6 ed53 e4e2 dc9f 87a2 df3b 9fc8
                validation 1: 40061c035f99999a
                step 4: 4062cc53ec800000 42b6 d0a2 5d6b 138d ea03 48f6 a7ea 84e3 eb37 d646 e93c 553b 658a c825 9b84 51cf ebe5 3f52 b065 1df8 dc11 eb91 63aa 187b 8a43 9995 82cc ee8b f3fc c9ce
                step 5: 40645bb9eb000000 3e44 2ed4 8297 fcca 4ef2 d2b1 dcea 4e1f 8003 76f1 4d86 bfc3 bffe ce37 4dea 140b 6377 9946 b2dd 7e12 72e0 2e9d c8f1 9043 71dd 57ca 29c3 3c03 c895 f936
                step 6: 4062403309200000 cc33 fe01 f14a 7925 462b 8349 f056 065a 42d3 1636 5c16 8fc7 2287 8137 780a 47f8 c4e2 afca 3038 c99c 1b22 93be 3496 ea08 e3fb 2f52 52b5 4d8d e958 9a8c
                validation 2: 400455d54a666666
                test: 400446789999999a
                """),
            ReferenceRun(
                "bottleneck",
                "--hidden-dims 14,9 --activation relu --layer-norm --residual --residual-width 5 --momentum 0.9 --l1 0.001 --shuffle global --lr 0.02 --matmul-precision high",
                sha256: "e0ab8b5f704d99c5ecfc59619ae0df6b653c0875708d4f7ec88d7a0233dec2e3",
                """
                step 1: 406a3f448ed00000 aae7 102d 3078 fa07 9d45 fe05 6980 70ba daac 146a 64ba 6ff7 1a34 e00d 2087 24a7 6547 8f10 caff d3a1 b8de 2215 1792 0add f55f bc80 350d 225c e51a 117e 6124 dea6 0a0f 4254 27d2 caaa 1e7c ab6d 2b19 e238 0c25 5bf7 119d 1a13
                step 2: 4065c2789f700000 29b5 a3ae 5b82 0fea a226 bd7a 946e f467 4a16 2050 b99e 46ac 1016 c141 e149 b670 48f4 efe7 fd88 5df0 2f7c b03b eb95 0100 70b5 0276 b345 159e a444 3a8a 7450 7a40 eb29 d6a0 f0e5 24e1 d6d8 cb75 b28e 0bd6 91cd 0b15 bf85 f0c5
                step 3: 4065200f24c00000 0b61 fee8 04a8 3173 3f36 e286 9c47 bfe4 54c2 0fa1 506d 7e13 d705 d12a fce2 95e7 55f5 43a0 793d c59c deb2 3a16 4578 98f4 034c 26a6 c844 f26b 65c3 e903 5ddb 5526 2c59 d6c1 468d 0b33 d04b 86f5 ecea 52d6 7d97 bdc3 196e 0049
                validation 1: 400756605f333333
                step 4: 4064c6359c900000 3f0a f381 f0b6 88ef ff18 87e2 637e a8e6 df41 cf7e 531e eff8 3cd7 e3e9 ded9 1f82 a610 ceda 6871 d9d7 619e 2826 7c7b 1b68 6654 73cb 7322 1cf7 3817 7ab9 1d03 e50a 387c bb2e 9dce 75e2 2af3 e428 8ae5 e105 751a 1cab 3c95 d632
                step 5: 4064cb8c59400000 4c82 8ea3 eb8e 99e9 bfe1 49b6 8325 6785 9bce 33a7 3c74 c84e 49ad e011 1446 80a8 dce5 2d51 4bcf 809d 5a76 464a a701 c481 1f5b 4d9a da0f 347e c51c c396 fcc3 9c09 cf7d 7613 8164 ab00 b01b 11d0 4834 1450 8771 f7c8 9d1f f053
                step 6: 4065bdbdaaa00000 052d 3cf5 2b40 aab5 2e48 9b82 537b a3ee dd96 1a89 f9e6 59c7 b414 e8ec b64c 7b52 dcc3 7a43 9c79 636f da18 7da8 a4d8 ad78 0f6e 647c 94f0 3cf4 69da 8038 8a83 115b 9c82 30f8 5424 92ad 48ef 633d 2336 6b43 561e e853 2fdc ac21
                validation 2: 4005830d3f333333
                test: 4005e1cbd199999a
                """),
            ReferenceRun(
                "adamw",
                "--hidden-dims 10 --activation gelu --layer-norm --optimizer adamw --lr 0.001 --beta1 0.8 --beta2 0.99 --epsilon 1e-6 --weight-decay 0.01 --label-smoothing 0.1 --matmul-precision high",
                sha256: "cdfda2a39e9341abc24c7fc9e9fa3a1a6c4daaae2443680b6cc9c78cccb41ff5",
                """
                step 1: 4065192770000000 9630 d114 293e a4e6 67af e8c7 fe85 c129 fdd9 1a55 2ca6 5311 6d5d 434c ebda 5989 5285 4ee3
                step 2: 4064492380000000 76dd 5560 0f9e 0578 d1ac c9df d4bf ab65 7fc8 ccee 269b 7bf6 6e51 2b8b c161 291b 3988 239b
                step 3: 40646f4226000000 492b 43b8 e3dd 2aec 15a0 c441 a020 8aa2 544e 4b98 bd15 5f80 78c0 eeb9 cb3d 096f 8c78 4209
                validation 1: 4003ce706f333333
                step 4: 406224450bc00000 83dc 8991 da22 0df9 55e3 67f6 9da7 6658 4ccb 660e 8d9d 83bc 5e6b 1d8f d1cf 9539 59fc 05a9
                step 5: 40626f79ffc00000 6c1a 65b8 5903 9e4c 066d ee54 af40 3c2a 0d19 569b f91d 1aee 5feb f6fa f6c4 8ee4 5502 baf3
                step 6: 4061a2977c200000 10af cefc ab92 959b d987 e1c3 b916 bd41 bfd0 d1ad c1ea b026 83bf 3f35 66f9 9f1a 88a5 7e1d
                validation 2: 40046390aa666666
                test: 400392be7f333333
                """),
            ReferenceRun(
                "lion",
                "--hidden-dims 12,7 --optimizer lion --lr 0.0003 --dropout 0.2 --input-dropout 0.1 --seed 7 --matmul-precision highest",
                sha256: "899a1dbfa35e4c2c0502a70c72cdf382a9065275252390fc84a88c77b6fc3e38",
                """
                step 1: 40667d0446c00000 eaa0 325f 331d a4be 627d 6657 50d9 60bd 5274 5750 7ec9 73e4
                step 2: 406445beeb000000 7d1f 9944 16fc b28f 534e 33a7 7d57 1017 5d47 7054 d986 e135
                step 3: 40657d0bbbc00000 3343 a911 dce7 76c6 8a4b 0c6e 864b a6d5 7248 0f3c 4258 5cb2
                validation 1: 4003da72d8000000
                step 4: 4063d0b01b800000 f2dc 4886 8355 936e 1a5e 32f6 92ff 385e 97bc 44a4 d82a 3f5d
                step 5: 4063b52735400000 2096 8784 e2b4 dbc3 0ffa 4c04 8280 7cc5 5fc6 29d3 514d 2215
                step 6: 40640ea0b4c00000 5944 f426 cbf1 8a2f 864e 2d00 f616 fd50 c9ff 593d 3e61 6fa2
                validation 2: 400356439ccccccd
                test: 4003f75cbe666666
                """),
            ReferenceRun(
                "mixup",
                "--hidden-dims 15 --activation relu --augment crop,flip --mixup 0.4 --label-smoothing 0.1 --dropout 0.1 --matmul-precision medium",
                sha256: "47add4f86da436bec2051c6de6cdde8dc42b72226a4d6c90339538bb4c80bfaf",
                """
                step 1: 406583de44000000 82f8 fdaa 8074 c784
                step 2: 40668146a6200000 5c4b 58f6 a7f6 4870
                step 3: 40652196c7400000 85c9 0bd0 c5c6 4df6
                validation 1: 400aaf625d99999a
                step 4: 40626010c7800000 051f 900e 4238 9936
                step 5: 40634ed2a9000000 6d88 a6d7 5b2d 0697
                step 6: 40628f849b800000 dd7a 6522 bbe4 4dde
                validation 2: 4007926ce6cccccd
                test: 400a1cd7fe666666
                """),
            ReferenceRun(
                "deformed",
                "--hidden-dims 11 --activation relu --augment crop,flip,rotate,zoom,cutout --crop-padding 3 --rotation 20 --zoom 0.2 --deform-probability 0.7 --cutout-size 6 --mixup 0.3 --mixup-shares pair --clean-epochs 1 --matmul-precision high",
                sha256: "0c40c82a634660ea95c7242d94d1407556fe39f7d32d5d6b2a94e43692f69c59",
                """
                step 1: 4064c0ba66000000 0f0f 0fe8 5ce8 7f2d
                step 2: 406833e6df600000 af8a b01d f0d7 8511
                step 3: 406a0d7091880000 d04f 54de 29aa e948
                validation 1: 400c867550b33333
                step 4: 406378450ec00000 5cbd f3a4 4de3 b80b
                step 5: 4069d78cf2600000 2b19 977d b6e8 7a7d
                step 6: 4064f1fafdc00000 c8e0 634b ad9f 21f2
                validation 2: 40108e6953b33333
                test: 4015911c20cccccd
                """),
            ReferenceRun(
                "windows",
                "--hidden-dims 12,7 --activation gelu --batch-norm sync --init lecun --zero-output --init-window 4 --optimizer adamw --lr 0.002 --weight-decay 0.1 --weight-decay-on weights --matmul-precision high",
                sha256: "a951fac472f8ad9eda8fb4bde832441c11c483f0c38652034b2625089ffb1425",
                """
                step 1: 40626bb1c0000000 bd09 cd27 c7b9 5719 40ff b001 b001 b001 84e4 dfe0 dfe0 dfe0 0bf4 9292 40ff b001 b001 b001 84e4 dfe0 dfe0 dfe0 cb7e 76eb 80d7 b001 ebec b001 e7a7 dfe0 2964 dfe0 c3a9 3788
                step 2: 40626bd180800000 8fc3 edc8 d923 15b2 7573 1004 c0c4 3c44 ebf6 c4ce 0da6 b6af b21a 3840 9af2 2411 11f1 31c7 5bb9 7b8b 899d 3550 2e9e 3c4f cb64 a38c 8108 1806 b9a2 b22d fa32 4eef 3194 09ed
                step 3: 40626acdd0800000 13a4 ccbf dfc6 8609 2e9e fe7d 5d3f e8e8 7336 13ef 6266 0cb7 8296 f1fc 149e d4f8 f84e 833f 39fe 247f b08c 0c22 78d3 8048 2e9a be0b 37ee 9a10 ae38 853d 648c 9f92 9d2b 4069
                validation 1: 400269451ccccccd
                step 4: 406266f367800000 515b 7ee6 e8d1 a107 cc66 9e03 d6b5 f404 649e c2c3 180b 2f53 a383 c00b 7d1d 2f54 7770 028a 452a c0b8 9831 5225 8e9e 9fe9 fa20 3f9e caae 6172 816b 43db 07f1 4f8d 097d 57ac
                step 5: 406267c2a4000000 c99d f7d1 970b ab58 64c2 e047 8b41 e2d8 3a07 3923 42c8 ad3c a09b e764 e354 ce08 5d75 ccc3 e804 13e9 9675 a562 65b7 ad35 5217 f013 e61f bc3b 13f4 6a9e 8204 0bde 12cc 763b
                step 6: 40625e8266800000 348e c1eb 7f9f 906b 4a15 cd86 218d 82fb b587 5f3a 3c6c 79e8 a6b7 da85 a5b9 6958 c788 3faa be0d 7c7f 044d fa47 6a78 85ff 4561 201b 10c4 84d3 bbcc ccb9 c51d 7450 7721 92cb
                validation 2: 40026a2a2ccccccd
                test: 40026e1986666666
                """),
            ReferenceRun(
                "logistic",
                "--hidden-dims \"\" --lr 0.02 --warmup-epochs 1 --weight-decay 0.01 --matmul-precision highest --split-seed 7",
                sha256: "2302d971129dfcca1707d911ed2c6f87a9f8c66cd3f4acf487917e310254dce8",
                """
                step 1: 4063b48861000000 279b d559
                step 2: 40643439f8200000 9f97 3a25
                step 3: 4063e0b6dc800000 a0e5 1c73
                validation 1: 40060bad2c000000
                step 4: 4062975005b00000 9c14 00d3
                step 5: 40630058d0600000 5c23 1e59
                step 6: 4062c1278d000000 3bee cb0b
                validation 2: 4005e486e8000000
                test: 4005da83bf333333
                """),
            ReferenceRun(
                "whitened",
                "--hidden-dims 14 --whiten zca --whiten-epsilon 0.2 --augment crop --lr 0.02 --matmul-precision medium",
                sha256: "756df01822ef68be0ac21068feb186e939bf764759087578541efc965bf633db",
                """
                step 1: 4065f15097800000 2d74 9075 52bc 407f
                step 2: 406647e489c00000 2b4d a4de db6e 774e
                step 3: 406501a102200000 4d2c 67a6 5d9b 384a
                validation 1: 4010d06680e66666
                step 4: 4065c64400400000 f983 4370 8926 3c14
                step 5: 406700397fc00000 c754 87d8 1a96 b7b2
                step 6: 4066bb4213900000 22c3 5e58 e082 ada6
                validation 2: 4010c3d8ac000000
                test: 4018da93f1000000
                """),
            ReferenceRun(
                "rate-rule",
                "--hidden-dims 11 --activation relu --optimizer adamw --lr 0.001 --lr-scaling sqrt --lr-reference-batch 10 --matmul-precision high",
                sha256: "02fb7b385cf9fdf8cf74a6c71e1f8a5f1a970e9a8f51ff90bc08333cdcb39788",
                """
                step 1: 40644c9e96400000 3227 fb38 5dba c5da 0de3 5c28 8126 7bc6 4e79 a288 fd8a 2fdc
                step 2: 406e8c341e900000 f5e3 8c03 dd58 e0ee 6065 0936 6c28 a418 0c8a c3b2 f11c 7599
                step 3: 4068e528a8600000 533c 8ce1 9386 4fcb 62c7 c12d 5936 14c6 4670 4078 5c82 cfec
                validation 1: 40094b4e56666666
                step 4: 406473158ea00000 fe14 ebf8 7f02 afe2 662e 4d2b 1f82 be34 b25b b7a1 5acf 29e4
                step 5: 4062e9554eb00000 972f fc7d 219c f74b 1013 7997 4ed3 31fc 54d0 b87e 4b1f 5273
                step 6: 4068725bfaa00000 5be3 edcb e805 9ff7 4477 7598 3e11 1252 8db0 7d21 4d55 59d5
                validation 2: 4009013b7ccccccd
                test: 400bf05233333333
                """),
            ReferenceRun(
                "bytes",
                "--hidden-dims 150,130 --activation gelu --batch-norm sync --optimizer adamw --lr 0.001 --dropout 0.1 --residual --matmul-precision low",
                sha256: "25658c5ae7680b98c4142ce8fe027f7ec59aba8b2cfea36550cc2a1f8eb13b89",
                """
                step 1: 406b633128100000 8850 0db1 ed50 ce0b 8562 edb6 d9e2 8b79 f932 352a d070 5d3a 1a27 8220 a84f e59c 6ec4 88a5 13ec b09d 3f6a eefc 5fec 8918 9bc3 e7ca afb7 54cb 5c6f 193a 69f6 5af4 8eea c7a8 353a 4467 3d93 9a28 0bec bb04 6b40 7dc7 400b 686e d697 dfe1 1b7c 699b fb5e 9f50 00cc e60d b2d8 dd31 e385 5677 7f0d 77d3 3932 42b3 49b6 46f6 be8c b195 eade 0fcc 3a2c 62fa 251b f548 5c5d 4557 a3ee 9c03
                step 2: 406bb15da4300000 f6af b30e 6800 5a91 617d b6eb 2eed bc9d 1b99 3a0e 466f 0360 da7c 68af 9999 1760 fb33 6b57 c995 459f 9767 d445 97d7 f117 b9b1 af6b 0f6c dd96 9b4d 33a2 dde1 2c7a d180 f7cd 43c5 6c10 04de cda6 4cfc 496c 3ddc a5c7 df7a d9dc bfb9 9cc5 b8e1 667d 439a 8068 158b 3eba 611f e3e1 c122 5f02 55c6 26ff 4577 910c 30af 5bf5 98f5 e991 9600 9bc5 5e14 c4ff be5c 4428 29ec cecb c56b d892
                step 3: 406bdecbf9d00000 0da9 5b73 f9ee b849 0d11 9cf4 fa09 d29a 4987 c877 ed3d fc8f e54c 80cb 9b7c 1d8a 6a64 7ab9 46bc e0ca 3ebd 6b1d f2c8 307d 663b 5445 5807 abea 2f71 2d9e b3c6 03ab 2791 ae00 55bb f5af 60d2 1cc4 e0a1 b610 3ab3 d012 3a32 625e ef8a 4d75 d6f1 4d80 a10d 9f34 5333 71b7 6c46 9fa9 63e8 306a 754e 3b2c b8b6 d816 6fd3 ef71 ccc5 e49b 271e d702 8921 5a1e 7012 0737 da55 50c4 fac4 8a16
                validation 1: 40149fca9099999a
                step 4: 406335f1ce600000 9832 f7c2 49ce ee97 53d5 d828 f2a0 61b9 636e 83af 7d16 1316 c529 be99 18b6 b52d 0652 ca4d 27c9 fe85 db28 eb89 8e0a ac50 2154 983a 680a 3403 4baa 1d03 5420 81f5 86a5 6da1 a24b 74f8 a538 18c3 ed9a 7a64 8104 c170 0818 ca04 16e3 c206 d194 f843 d27a d6bd 7bdc 4fc1 a7e1 e4a9 06eb e6ae ad25 9ea1 0799 8a7f 0837 0a42 00d0 8c00 1891 de71 6bea fdc3 ef03 73cb 0d2e 6bc7 354c 66b8
                step 5: 40650bf2dbd00000 c9e2 edd4 ee65 79fd 201f efa4 d28e 6a82 8a1a 01b2 bfab 54d0 d9f2 cca9 0383 4f95 6320 99ea 796c 81a3 2d40 d1cd 67df 5e2c 93e9 9df7 aae6 fec7 2810 d8b4 cba7 0b58 d518 36cd 0ee9 51d0 5ce7 a91d fc3e fcb8 2f4f f40b 08a9 aaf4 d1a2 d91a 801d ad92 9698 7460 d898 bfee 2dd4 c449 e378 aba0 4426 fcb7 c7d7 9123 224d 7de4 183a cc56 3685 61d0 b4a6 430c 4006 e7bd a9ec 1ca9 32d8 1a7e
                step 6: 4061c3649d800000 9b4c 774a f025 be35 2c53 df66 611c 6b9a ff60 f387 4092 26aa 69fa e9fa 0c79 59b4 4296 484a a004 4133 da55 c68d a6c7 14f1 58d2 1a10 2c45 9325 bc3c dcbc cf37 8782 f48e 19ad 8950 024c 16a8 afe8 2d8a eed7 3c30 a76e db1b 954f c7f5 e39e c837 9fbb 955f 36b3 949f fb17 1f37 375f 8da5 e549 d958 4fa6 0d0a c9b5 b366 ebb3 2860 0627 984d 5a1d 2a58 adb8 710b 8e48 200b 6897 ff75 0228
                validation 2: 401217ae0ed9999a
                test: 400a5e8e5bcccccd
                """),
            ReferenceRun(
                "bytes-dropout",
                "--hidden-dims 128,140 --activation relu --batch-norm local --lr 0.05 --momentum 0.9 --input-dropout 0.1 --matmul-precision low",
                sha256: "a69abcfdc5f7056ca172e396694306e5dc78fb46c6ec543dd3de2f133ca3778d",
                """
                step 1: 4063fd89cf400000 bf7b de91 369f c2f2 1efa a306 25e9 256a d9f7 4285 5b3a 104d ae93 08a7 cc4c 4373 2192 906b 4810 eee9 38d9 aa40 1338 f255
                step 2: 406494df08c00000 9ca7 dc56 8cf4 5654 9de9 d1ff e096 76a1 7b58 a33f 31c7 0a9d 5538 4ebb 2990 6dd5 9cce b982 f1f4 3806 ec15 2dde 27cc 566b
                step 3: 40648d9124c00000 79be f205 5b6c 3af8 daaf a772 db0f fc6c 608d 3a9d a248 4f4d 12de 8bec 12a8 18b9 9104 d26a 119e 88b2 d0f1 bd36 fdfd d921
                validation 1: 404202c136333333
                step 4: 4064fa7dae000000 f861 7764 6b9b 33c3 9164 a4d5 4276 787b f05e 688a 28af fb86 63ab e019 333e 8cdc f7a3 fdd4 f503 e087 cb07 a053 01d0 768d
                step 5: 40638aeaf0000000 0268 87bb 6650 6d30 939f 85bb ab1b e586 88aa 6afb c537 ad6a 72c3 7571 7030 c5d8 2cdb a7fb a9b1 aa83 2831 c524 0782 a324
                step 6: 406319fc23c00000 7662 4949 69df 1253 c0c2 39a8 d114 1e42 ec88 80ae fc60 d72c b73d daca 1ce9 5c36 5979 5316 1f06 bd7a 515a 1d52 d5c5 0a88
                validation 2: 4029b62716ff3333
                test: 402f515611999995
                """),
            ReferenceRun(
                "sparse",
                "--hidden-dims 11,6 --activation gelu --batch-norm sync --optimizer adamw --lr 0.01 --weight-decay 0.01 --l1 0.05 --input-l1 0.4",
                sha256: "9f72da153a32cacd49a049b4e639f4ba2238a7db897323cd29425bc1aad910e0",
                """
                step 1: 406551d509800000 f68d 236f d89e d4a9 d3d5 e9f6 31a1 3079 6f34 67ed 1fbb d435 08a5 f701 669f d3e5 d441 c216 e3e3 ef4c a79b 97ef 1f94 ccde 14fb aef4 01aa 6c22 2ee4 489e 5c3b 0207 3cc0 0f80
                step 2: 4064a7fa66400000 d1f9 fe8b 3859 4595 c0c4 37ba ce2e e568 0069 7d7a 3d89 73d5 8312 2575 1a46 5e76 cdfb c759 7863 c485 fd76 b538 ab48 30cb 62a6 2e4c f52b 0d27 8d6c cc48 5e2e d0fa c588 64ae
                step 3: 40650f17cfa00000 9868 3140 aa8e 4615 2522 0da3 b233 601e 868e 16d7 247b 532e 8009 a7e4 90a2 5304 ac8f 8d38 0ec9 0654 09b3 c28c 88ce 027d 4dd6 915d 52ff 5bdb 8c50 bbe7 80e4 8997 7cbf df04
                validation 1: 400f271b04cccccd
                step 4: 40648535e4800000 bad4 af02 43be d4d6 51b7 8a30 3941 d556 a473 ad9e 5ce6 1025 9502 46cf e715 a539 6b33 5050 e5ca eee0 d201 640d 63bb 7149 8c01 eee3 24a6 5642 e5c3 cf6f ae31 0954 ce61 2bb2
                step 5: 40634c8d11600000 0fcf 3960 4e49 e929 9bcb 6d56 62b0 82df d4ad e65b 333f 008e 0dc7 ebdf 4348 7814 d6c6 347c f440 faf9 b5ed 957a 80e5 9035 de07 638f 8215 d5b7 106b b6ea 2326 4739 0bd6 8379
                step 6: 406236dcb6200000 5626 c92f 3d93 4d9b bf96 c738 6fc9 2365 7feb b3a0 cbba b5cc e6dd 464c ac50 834b 0c2b 1d2a e740 3c9e 0488 d2f4 9e28 669a 0e37 07c9 7785 afab 458f 8325 5335 6942 d620 8c00
                validation 2: 40064d5b47333333
                test: 40090b6896cccccd
                """),
            ReferenceRun(
                "allreduce",
                "--hidden-dims 150,9 --batch-norm sync --residual --momentum 0.9 --lr 0.02 --strategy allreduce --matmul-precision high",
                sha256: "40a3c08910d96e910019e0521ccc9a1ae512599ecbd811ce761025f1bfe31df6",
                """
                step 1: 406a4ee67e800000 6593 daed be5f 5971 8145 43b0 959e 3c67 2554 e014 57ea adbe 6356 ced4 cc55 d0f3 27b2 6c09 bc6f 8cf8 dec1 c023 3e2f 671c 70be 5c06 9438 99d3 188a 5897 a38d e62a 8e67 3c38 9613 3fae e288 15e2 b061 cec2 2be5 87fe a260 49f9 828e 0a2e d44a ac1c 9e12 4f6b 0106 3d03
                step 2: 406c32fd4b000000 0e4e 0a73 1d25 1419 669c 9136 4791 9ee9 4f2f 4e87 dc33 b7ef df77 7c46 f6cf 5421 754f cc08 ed52 fb47 7ade 6051 6b05 ef5e 09c2 7098 3580 7ae7 3467 f4f8 bda8 23e9 32ea 9f25 41b0 a474 6ab6 e832 5667 4755 d66f 76b9 8402 9060 141d 08d8 c7af 67f4 c1ee ec4d eced 4969
                step 3: 406bb75027800000 1dff ebd7 e459 938a 5dba f2ec 5c5d 64f4 25f0 e245 60fb 0af8 a3fe c5f7 f7fc b7c3 8f7b 9dde 2a51 9aaf fd9c 3399 abe7 adcb 96ba c5af 28b9 6f3d 251a b0e5 d90b 0617 36da d3e9 d8a7 674f b6c7 2bc5 d1d9 0b07 ad7f cf7b 8f42 b873 61a6 0f02 97a7 87bd d144 9820 7202 fb6f
                validation 1: 401d46e02acccccd
                step 4: 4063fadd5ee00000 fb28 fcc6 90b7 cf43 5633 58c1 960d c356 fe3b 7a8d e1e9 795c b857 e3ed 657f db8f c44d ef8a 9cc2 0404 f70f 4150 b5c7 b0b6 54d6 91eb c3c8 8613 4683 f8e7 d0db 5c56 0490 b12c b091 01fe b687 0fb0 d961 0032 442f 3ffe 6398 0ea7 081f 75fc 41a8 11da 2c34 14ad d53a eae1
                step 5: 4063fa19dc000000 3233 f9b2 146e 60da b7f3 ef5f 0125 6c44 2bb9 f48c 744f bbdc ad5e d094 0942 9674 b5ac 6acb 951f b114 bd9f 3e37 10d1 ef26 f610 32d4 9d13 43f2 fc37 e325 2403 2b4d 4f9d f941 f9f3 d21a 2ea7 ebac 088b a36a 777f e799 2bdc 1732 d6ae 8f32 8070 c006 96a4 bde7 39fc fd06
                step 6: 4061d6411a000000 4958 3db9 8c76 9248 bffc 7b20 1c01 9362 fbc8 8ead 81d2 eb9d b3f3 8be7 8426 e6eb b36e 47b9 f364 cee9 2edf 46e1 c4a2 b320 721f 0045 6c46 c3ec ab54 4b43 cf9b c979 96f6 7711 8559 ea6a a124 dac3 3f01 ce87 e551 fc4f 5127 d8f7 d29c d887 0bce 27ba b275 fa61 69cf 6d8f
                validation 2: 40113c747d99999a
                test: 40196cd609b33333
                """),
            ReferenceRun(
                "allreduce-bytes",
                "--hidden-dims 150,130 --activation relu --batch-norm local --optimizer adamw --lr 0.001 --strategy allreduce --matmul-precision low",
                sha256: "bb2a4b54f5a398cf1c927d968c1cb70063b7e8d1cd66cb0df85d829414ee0016",
                """
                step 1: 40643c9ed1800000 b4a5 cbde f4d3 504e 82a7 78b3 906a 3a94 6a78 e6d9 730b 2a56 471a f990 5354 8810 f12b 5f98 8569 91f1 4703 09e9 5cbd 8ab3 e44e ae43 7d34 5370 a07d f3e9 c948 ff60 b285 42dd
                step 2: 4064bdfafaa00000 18dc 89b8 544e 725a 6fe5 7f99 7f20 ebc3 f9f3 29a1 95c8 e5ca 5ad1 b946 1c42 1d9f 82f1 2015 0f3b 8148 b25d 540a bf91 561a 89f4 ade6 acca 50fc 3c8a d901 86c9 79b4 faca bdd6
                step 3: 4065232de0000000 4811 f0ae c096 a054 9e6c b6ec d7ef 909a 7bcb 8445 6e97 8d28 2701 72b8 b989 770c c728 717a 46ee b80f 99d7 5989 3aec 38a4 add6 111a 7e60 56fb fa82 ff4a ce07 6e14 0431 abde
                validation 1: 40068ea58ccccccd
                step 4: 40663d4174000000 d275 e0a1 618e 5167 1580 509e 3dfd 9fc2 3c14 4dac f2cd d8fa 3270 aa9d c045 735e d3aa cd52 7ea6 e44e 995c 5bf8 37e1 a4e2 bd8c 6f0f 779e 9ddd 4606 a1cc 1d8b 414b 7040 f79f
                step 5: 4062c03412c00000 f201 f14e 8c9c 9c79 20a0 ba98 f7e5 bc61 7922 c9cb d4c6 7fb2 188c a55a d162 a0b8 f086 5e15 4ab3 1ffa 068f 887b 6b15 1180 3ab0 9ff1 6be2 ab31 91bd 2d7a a7f5 1b49 2b72 c625
                step 6: 4064549cbb400000 0b3d 3f0e b959 c5c7 6b34 083c 68d8 07dd b5fa 49e3 5f28 cf58 87ba 8f5e 25ff c087 15db 317b 5bc2 de9a 9d15 a852 60ff 24c5 5bab ae09 8400 df01 543c e60f 0fbf 981a a0a7 86cf
                validation 2: 4004f23b49333333
                test: 4003aefc8c333333
                """),
            ReferenceRun(
                "ema",
                "--hidden-dims 11,6 --activation relu --batch-norm sync --momentum 0.9 --lr 0.02 --average-weights ema:0.9",
                sha256: "06a5ec34fa3c2221e557e15e4e9e51b3b2214e497825dafa7056cb8243c346ec",
                """
                step 1: 4065665b83000000 f68d 236f c8fb 6ddb b033 2a0e a462 ffb8 5d02 6d69 b775 4f5a fd77 c13f f0d8 3cde 78dd 0597 4d8c c09d 5288 fee1 9392 1ed8 6882 21dd 8880 f5c6 d0e3 1072 04b6 34c8 88bf f077 fba6 b3d9 2a2a dab0
                step 2: 40655e1385200000 f5c3 6aef 59d4 0635 5822 3292 1720 ea48 4a63 af82 b99c 2232 4dc0 c060 d310 b70b c6a2 981f cbd8 ea28 58ec d281 2c95 623a e9e8 6f7a 0446 6dc3 26b5 6d89 19fe 2380 638b 6040 3b44 7768 86f2 e6e9
                step 3: 4065ce4f86000000 ea4b 0b1b fe4c 2b47 01df f574 8336 3cbd 0caf 29be 6c55 7ad5 f25e b1c7 0eb7 d3a3 8e1e b5e2 5d54 30fa 00b4 c267 d685 6223 4ee5 711d fa73 f536 104d c0dd 8199 904a eee1 9f25 637e 8b50 ff2c ff17
                validation 1: 400e159217333333
                step 4: 4064f3c12f000000 9802 4f15 873f 7ca2 dc07 a7cf 31b3 78c1 cd37 276c 465d b626 a7f3 5398 4929 728f 0ab6 88fb fc99 f43f 551a 59f3 40a7 ae8a a49f 709a 079d 0806 1d21 3dcd f030 65b7 5f96 e4b0 c208 3c6d 5dfb b725
                step 5: 40638224bd600000 b0b2 7362 f232 b748 eb41 9967 5682 29fe 2db9 ebdc e551 3176 a7c8 9a35 bea7 ccd9 7c2b 8465 7351 08d2 e975 475d b468 6531 bad4 0d09 aa89 6187 3a6c 04bd 3544 e9a0 484a 084f 5098 063d c61f 698f
                step 6: 406294935c600000 9f16 8ace afc6 bd44 386e d941 d0a6 0266 a871 ab0f 0b53 0d9c cdfa 7c09 d3e9 98ef af32 0256 9c18 b19d 464e 0824 f13b 91c3 4901 2b8e 01bd 5726 a5e9 a878 93db 3e31 99e3 d11b d588 cd1f 126e 3471
                validation 2: 400c1c504b333333
                test: 4009a1a0d3000000
                """),
            ReferenceRun(
                "swa",
                "--hidden-dims 9,7 --batch-norm local --dropout 0.1 --lr 0.03 --average-weights swa:1",
                sha256: "448810db7f80c1024410d88024a9566e75c5f1a8075d4641d8827ce00565932f",
                """
                step 1: 4065ec4bb8600000 c755 cc0a d9e8 c3ae 31bb 1158 f424 1777 85c5 db75 d9fc d8a4 7f88 29b3 0c9f 4fe2 dfe0 2964 10ac 0c9f 4fe2 0c9f 2e6a dfe0 2964 dfe0 f3d0 0c9f
                step 2: 406503f3df400000 4710 bcba d4fc 7349 f6b5 bf96 dea6 ccb5 d123 85bd 933c 7f90 0795 eb5b 0c9f 4fe2 dfe0 2964 10ac 0c9f 4fe2 0c9f 2e6a dfe0 2964 dfe0 f3d0 0c9f
                step 3: 40672f7930c00000 679e 600e 0db8 c404 685b ccb0 fbf9 02df 5db5 b1bb b3e7 0b8f dbe6 4daa 0c9f 4fe2 dfe0 2964 10ac 0c9f 4fe2 0c9f 2e6a dfe0 2964 dfe0 f3d0 0c9f
                validation 1: 400706bdfd333333
                step 4: 406635196cf00000 e6c6 bc0f 0943 622d cfb3 0c06 8134 2ab7 ab2c c258 c2ef eadd e096 d19f 31a3 2e25 f58d e761 685b ccb0 fbf9 02df 5db5 b1bb b3e7 0b8f dbe6 4daa
                step 5: 40669fd2bf800000 7aa0 03f6 ec02 2412 2b0e 7a64 480e 7b9b f159 0e78 7add ba26 81d7 299e 31a3 2e25 f58d e761 685b ccb0 fbf9 02df 5db5 b1bb b3e7 0b8f dbe6 4daa
                step 6: 4064d02888600000 71a0 1464 48b6 a804 9554 330f f396 fe81 4874 b8ac 5bef 4e7a 236b d520 31a3 2e25 f58d e761 685b ccb0 fbf9 02df 5db5 b1bb b3e7 0b8f dbe6 4daa
                validation 2: 40073547b2cccccd
                test: 40060653f5000000
                """),
            ReferenceRun(
                "bfloat16",
                "--hidden-dims 150,131,130 --activation gelu --batch-norm sync --optimizer adamw --lr 0.001 --dropout 0.1 --residual --matmul-precision medium",
                sha256: "eac3de215cddd9b11a0575a7d3818abc9c6f8dde71714965df65379624e7fbf8",
                """
                step 1: 406a2f5c95a00000 2aaa 4228 eab7 2ece 6665 bacc 60dc 4abf 132a 9709 db15 3b81 2ae1 d6cb 5b43 7298 8566 e68c 7f66 e96f df6f c841 0eda 7645 9ca7 2646 e7de 1b66 e3c8 7f4b 4717 937f 36c3 1afd 7e3c 2028 b3d2 60d2 e407 230c 2f83 7066 b779 629c f835 4840 ca41 e68a 8db2 38aa 89c8 0e2d c815 20c0 4be1 e8c3 35c3 2bcf 4610 680b a8b3 86b3 52bd c89c dc23 708d 525d 4fa4 1f20 5fd4 72c0 f6a9 d13c 0fbd 1cff e316 d76f 42ea 2386 ea8d 8dfa 9bc1 87c9 5526 0828 352c 7d9a 8a0c 5100 5aa0 db81 61de 1271 ccf4 7e14 59d2 f992 509a f91a d9e3 2835 08d1 12da f063 96ac 1bb9 7f18 96b6
                step 2: 4069fc6252e00000 ff8a ce08 c659 f840 5189 d360 0a14 b8bd 8f87 3f56 c420 1350 39e7 7935 0ba9 a803 4521 a23a 2d11 7068 f72f f946 7807 228d 9056 506d abbb 0db1 5b90 e4ce d4d4 a57f efff 56bb 9c5b 077a 2656 1a4c eb38 9a16 322f bb26 ab7c 2246 6ac5 11ca 914e 7908 66b7 f242 2098 28d8 6086 1a6b 2891 019e 7f8b 2274 2c93 356a 7401 9dcf 006b 9449 9b04 5f4b 2c2a 161b 7358 d324 13d6 ec74 7eb8 fa3f 27e9 426f dcb1 c98d 4d58 dab4 9f16 e470 aa4b 0276 3c71 2b06 70fc 1e43 75a3 51b1 bb98 0b0c 636b 2b88 1181 0f78 ba5d 8c76 e0f9 a9da a400 4f3e 650d cd27 77bf ac2f 5f4f 0a93
                step 3: 4068b2dd8bc00000 8b1a 306d 461e a02b 67a9 2dfa d463 65a7 3a7c 9b35 89e0 0eaf 46d0 2e91 dc19 01d9 a3c5 4b49 b5a5 ac20 837a a17d b440 9cbc 8938 329d 3dd1 e891 18ca 3c83 e973 1f17 f2d9 eb5a db67 5f26 91b7 f972 9b64 14c4 ed3f 6024 44d6 b868 c4c7 4460 86c6 d175 e7d5 3477 20a0 75ba e530 2faa c754 30ba 174c 719e 15a6 8a87 f19d 1fc1 8531 42a7 c7e4 dc54 f06e 6cd2 cbeb 02ed 09aa acc4 6004 3a8d f4df 05b2 7dce 1173 3258 d662 5561 2963 0bb7 7e6e 58c5 9939 0ebc 9d05 9c5b a500 0a87 28f1 da2e 2a1c 1406 0e2e eb17 ccf0 218d 57b6 b6d8 4f6c f5ca cec7 ec48 a488 6f34 ab60
                validation 1: 401a7985deb33333
                step 4: 40668e09caf00000 9608 ac21 5641 dec0 f316 9fb1 8d71 4113 a3ef b482 1c71 6005 4104 d1cd 86a0 21d5 59ff e719 3d3e af8a 6f9b 335f 8432 91c1 1f0b ad0f c535 e7c0 ad57 2b69 4738 3135 ef95 59fb 2476 920f e0bd 6a5c 1cea 3a27 8005 db34 5234 0a31 8e1d 4f73 6455 6894 1734 0ab0 beac a193 86aa 3e06 60a3 db58 3b6d 6958 f963 a82e ba4d cafd 37f0 2718 0b60 1de6 b438 a2ff bcdf 5750 be63 7c06 79a2 42f8 cd8a 8e3b a9b0 edff d4a0 039d c5d5 b596 d773 880a c7df 345c 8d57 695b ce91 063b c37b 5c08 a93d ac17 a267 9dc4 b034 c73d 63d6 97e1 6f18 eea9 3322 cbf6 32d8 3314 05aa eae5
                step 5: 4063b31cc6e00000 c8bc 82f0 cc14 75af 0794 6b5c 4d2a 29cd de00 5ddd ca88 0a18 786d cf46 d558 d10a 304a 59a5 99c7 192d 7383 f6cc 5c8a 9d5b 265e 8df7 e072 b3ad 359b 856e 210e 12d1 404a 4973 0630 b6f6 c64d 15f0 0339 c683 34c9 a77a f77c 9661 c7c5 b613 e258 584c 8c88 f83c 8ac3 d362 ba62 49f8 914e 75bb ec9b 9428 778f 30a6 a062 94d9 2873 1f2a 72d0 d151 88ad 1616 82d9 6bfa 1349 2aaf 984f ca0c c32d a44f b600 39fe 9db7 cd88 0f13 b4f4 382e 86a9 ddb4 42fe 9fc4 051b 8f0e 706b 3c3f 6107 d392 ef63 fcae 534c 1dae a3bb f213 259d e085 0702 8787 2b32 d33b f9b0 cabd 1c94
                step 6: 406575d70d000000 dfd2 9fe6 ecc7 6573 8c51 2736 90dc 3152 7c85 d619 f055 20c7 bff0 6dbe 56b7 1744 eebb be65 e7a2 9a18 c099 e246 4cf7 5f5b b730 e1a8 314a 6921 067a 747e 7a50 4b36 eaa1 aa94 dac4 0993 41e6 db97 9239 04c7 b434 d700 8201 6343 018d 94c8 0df0 59e2 4b4e 1e50 962a 3dfa 9677 1da2 fbeb 1db9 7c3b 3dc9 bb97 556f 48a1 48f9 c5b2 ef66 400c 5ce5 9323 4ba6 6df8 6090 0bee dc91 1043 0d5d a441 33f1 f64c 6278 e8d9 4fab 3cd9 0fd7 4d61 ff28 67d9 9b95 7c2a 6612 5c0c 6b48 9924 7e39 0ea5 b1aa c62d 7d97 3911 8dbe 5607 7c34 cdad ce33 e4ac f3bf 4704 fe86 2bfb 86e6
                validation 2: 40143cb4a8000000
                test: 401ad006812fd000
                """),
        ])
}
