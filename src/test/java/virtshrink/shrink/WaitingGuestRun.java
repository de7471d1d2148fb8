package virtshrink.shrink;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import virtshrink.image.ImageFormat;

/** A run on the disks of one guest in a virtual machine that is already warm when it is told to go. Says on standard error what it begins. */
final class WaitingGuestRun {
    private WaitingGuestRun() {}

    /**
     * Runs once.
     *
     * @param images qcow2, in the order of the guest's disks
     */
    public static void main(String[] images) throws IOException {
        List<ShrinkRequest> disks = new ArrayList<>();
        for (String image : images) {
            disks.add(ShrinkRequest.of(Path.of(image), ImageFormat.QCOW2)
                    .changed()
                    .target(Optional.of("vd" + (char) ('a' + disks.size())))
                    .build());
        }
        System.out.println("ready");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        if ("go".equals(in.readLine())) {
            new Shrinker().runTogether(disks, TestRun.phases(System.err::println), new Cancellation());
        }
    }
}
