/**
 * The pipeline that makes one disk image smaller: one class per step, one {@link virtshrink.shrink.ShrinkReport}; and the zero fillers.
 *
 * <p>May use {@code inspect} and {@code image}, and the values they speak in ({@code block}, {@code filesystem}); the classical filler
 * uses {@code os}, because Java tells a full disk from a broken one only by a translated sentence.
 */
@NullMarked
package virtshrink.shrink;

import org.jspecify.annotations.NullMarked;
