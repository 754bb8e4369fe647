"""What each statistic means: the short notes that pages show one click away from the figure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """`limits` is what the figure can't say."""

    title: str
    meaning: str
    formula: str
    source: str
    limits: str


GLOSSARY: dict[str, Note] = {
    "accuracy": Note(
        "Accuracy",
        "Share of candles whose direction was foretold rightly.",
        "(true up + true down) / all",
        "Its baseline is the majority class: what always saying the more frequent direction gives.",
        "Above 0.5 means nothing in a market that rises on 54 % of days. Small windows move it by a lot.",
    ),
    "precision": Note(
        "Precision",
        "Of the candles foretold to rise, the share that rose.",
        "true up / foretold up",
        "Its baseline is the base rate: what always saying up gives.",
        "Undefined when nothing was foretold to rise. Says nothing about rises that were missed.",
    ),
    "recall": Note(
        "Recall",
        "Of the candles that rose, the share that was foretold.",
        "true up / went up",
        "Always saying up has a recall of 1, so it only counts together with precision.",
        "Undefined when no candle rose.",
    ),
    "f1": Note(
        "F1",
        "Harmonic mean of precision and recall.",
        "2 · true up / (2 · true up + false up + false down)",
        "Its baseline is always up: 2b / (1 + b) for a base rate b. van Rijsbergen, Information Retrieval, 1979.",
        "It ignores falls foretold rightly, and is high for whoever always says up.",
    ),
    "mcc": Note(
        "MCC",
        "Correlation between what was foretold and what came, from −1 to 1; 0 is no skill.",
        "(TP·TN − FP·FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN))",
        "Matthews, Biochimica et Biophysica Acta 405, 1975.",
        "Undefined when only one direction was foretold, or only one occurred.",
    ),
    "auc": Note(
        "AUC",
        "The chance that a candle that rose was given a higher probability than one that did not. 0.5 is luck.",
        "(rank sum of the rises − n₁(n₁+1)/2) / (n₁·n₀), ties share their mean rank",
        "Mann & Whitney, Annals of Mathematical Statistics 18, 1947; Hanley & McNeil, Radiology 143, 1982.",
        "It judges the order of probabilities only, not their size, nor whether acting on them earns anything.",
    ),
    "log_loss": Note(
        "Log-loss",
        "How surprised the probabilities were by what came; lower is better.",
        "−mean(y·ln p + (1−y)·ln(1−p))",
        "Its baseline says the part's own base rate each time: knowledge that a forecast doesn't have.",
        "One confident error can outweigh many good forecasts.",
    ),
    "brier": Note(
        "Brier score",
        "Mean squared distance of the probabilities from what came; lower is better.",
        "mean((p − y)²)",
        "Brier, Monthly Weather Review 78, 1950. Baseline: the part's own base rate each time, b(1−b).",
        "Near a base rate of one half nearly every honest model is close to 0.25.",
    ),
    "base_rate": Note(
        "Base rate",
        "Share of candles of the part that rose: what the figures above are to be held against.",
        "went up / all",
        "Majority class and always up are the two ways to be right without looking at anything.",
        "It differs from window to window: a high accuracy can be a calm rise.",
    ),
    "interval": Note(
        "95 % interval",
        "Where the true value would lie for 95 of 100 samples of this size.",
        "Shares: Wilson's score interval. AUC: DeLong's variance on the logit scale, so that it stays in 0 to 1.",
        "Wilson, JASA 22, 1927; DeLong, DeLong & Clarke-Pearson, Biometrics 44, 1988; Sun & Xu, IEEE SPL 21, 2014.",
        "It takes candles as independent, and knows nothing of how many runs were tried before this one.",
    ),
    "p_value": Note(
        "p-value",
        "How often luck alone does as well: the same probabilities against shuffled labels.",
        "(1 + shuffles that reach this AUC) / (1 + shuffles), one-sided; 1,000 shuffles, 100,000 where few reach it;"
        " where still fewer than 10 do, the normal tail of the Mann-Whitney statistic, never above that share",
        "Phipson & Smyth, Statistical Applications in Genetics and Molecular Biology 9, 2010; Mann & Whitney 1947.",
        "It is not the chance that the model is luck, and it is for a single trial: see the adjusted p-value.",
    ),
    "adjusted_p": Note(
        "Adjusted p-value",
        "The p-value after counting the trials that the team had completed on the same instrument and timeframe.",
        "p · k (k + 1), at most 1, for the k-th trial: below 0.05 where p is below the trial's level",
        "Dunn, JASA 56, 1961 (Bonferroni), with unequal levels for trials that come one after another.",
        "It counts the trials made here, not ideas tried elsewhere. Later trials don't change it.",
    ),
    "trials": Note(
        "Trials",
        "Distinct settings completed at distinct candles of a series, by the whole team. Of many trials the best looks"
        " good by luck.",
        "One for each hash of parameters, candle and data, in the order of completion; a universe's retrainings of a"
        " year are one; deleting a run keeps its trial",
        "White, A Reality Check for Data Snooping, Econometrica 68, 2000.",
        "A trial that was not confirmed has no p-value and is weak at most.",
    ),
    "level": Note(
        "Level of a trial",
        "What the p-value of a trial must stay below to be evidence; fixed when the run completes.",
        "0.05 / (k (k + 1)) for the k-th trial: 0.025, 0.0083, 0.0042, …; together never more than 0.05",
        "Foster & Stine, Alpha-investing, Journal of the Royal Statistical Society B 70, 2008.",
        "It falls as 1/k²: the 100th trial needs p < 5e-6. Think before you try.",
    ),
    "holm": Note(
        "Holm's step-down",
        "All trials as they stand today, held against each other; for information, no verdict follows it.",
        "With m trials in order of p, the largest of (m − k + 1)·pₖ up to this one, at most 1",
        "Holm, Scandinavian Journal of Statistics 6, 1979.",
        "Read again after every trial it shows evidence at some moment far more often than 5 % of the time.",
    ),
    "walk_forward": Note(
        "Walk-forward confirmation",
        "The same recipe at up to ten steps before, each trained only on what was known then and judged on the"
        " candles after it; all windows are then judged together.",
        "Pooled by standing: the share of the model's own training rows with a lower probability. About 385 candles"
        " instead of 35",
        "Tashman, International Journal of Forecasting 16, 2000.",
        "An edge that began or ended between the windows is averaged away.",
    ),
    "paired": Note(
        "Paired test of two AUCs",
        "How often luck alone makes two models differ as much on the same candles.",
        "The two models' ranks of each candle are exchanged at random, 10,000 times; two-sided;"
        " (1 + draws at least as far apart) / (1 + draws)",
        "Bandos, Rockette & Gur, Statistics in Medicine 24, 2005; Holm where several are held against the first.",
        "It says nothing of whether either is better than luck, and the choice of these runs is not counted.",
    ),
    "visible_auc": Note(
        "Smallest visible AUC",
        "What AUC the sample must show before it can be told from luck at 5 %.",
        "0.5 + 1.645·√((n₁ + n₀ + 1) / (12·n₁·n₀))",
        "Variance of the Mann-Whitney statistic without skill.",
        "A true edge just at this size is still missed half of the time.",
    ),
    "logistic": Note(
        "Logistic regression",
        "The simplest model of two classes, fitted to the same rows and features in each window.",
        "p = 1 / (1 + exp(−(a + b·x))), features scaled, L2 penalty 1 (with steady 100)",
        "Cox, Journal of the Royal Statistical Society B 20, 1958.",
        "Better here does not mean better tomorrow, but then the boosted trees add nothing.",
    ),
    "sharpe": Note(
        "Sharpe ratio",
        "Mean return over its deviation, a year.",
        "mean / sample deviation · √(bars a year), risk-free rate 0",
        "Sharpe, Journal of Business 39, 1966; its error: Lo, Financial Analysts Journal 58, 2002.",
        "Over 35 daily candles its standard error is about 2.7: larger than any value worth having.",
    ),
    "drawdown": Note(
        "Drawdown",
        "The deepest fall of the equity from its highest point so far; the start counts as a point.",
        "min(equity / highest equity so far − 1)",
        "Magdon-Ismail & Atiya, Risk 17, 2004.",
        "It only grows with time: drawdowns of windows of different length can't be compared.",
    ),
    "turnover": Note(
        "Turnover",
        "What is traded a bar, as a share of the equity: the part of the result that costs eat.",
        "mean |positionₜ − positionₜ₋₁|",
        "Costs are charged on it, in basis points.",
        "It says nothing of spreads that widen when everybody trades.",
    ),
    "exposure": Note(
        "Exposure",
        "Share of bars on which the money was in the market.",
        "mean position",
        "Buy and hold has an exposure of 100 %.",
        "A low exposure makes a drawdown look good by itself.",
    ),
    "control": Note(
        "Noise control",
        "The same settings trained on labels rotated in time, which no feature can foretell; the dots show what luck"
        " gives with exactly these settings.",
        "30 rotations by at least 20 candles, seeded; AUC on the same test window",
        "Surrogate data: Theiler and others, Physica D 58, 1992.",
        "Standing above all 30 draws is a p-value of 0.03, never less: it is a picture, not the verdict.",
    ),
    "verification": Note(
        "Verification",
        "The run trained again from what is stored, and once more with every candle after its decision cut off.",
        "SHA-256 of the model's text and each probability of the test window, bit by bit",
        "Nothing is compared by tolerance.",
        "It proves that the run can be repeated and saw no future, not that its recipe is any good.",
    ),
    "deflated_sharpe": Note(
        "Deflated Sharpe ratio",
        "The probability that the true Sharpe ratio is above what the best of so many trials reaches without skill.",
        "Φ((SR − SR₀)·√(T − 1) / √(1 − skew·SR + (kurtosis − 1)/4·SR²)) a day; SR₀ = √V·((1 − γ)·Φ⁻¹(1 − 1/k) +"
        " γ·Φ⁻¹(1 − 1/(k·e))), k the trial's number in its ledger, V the variance of the Sharpe ratios of the ledger's"
        " walks, of 5 at least, else 1/(T − 1)",
        "Bailey & López de Prado, Journal of Portfolio Management 40, 2014.",
        "For information: it takes daily returns and trials as independent, and finds market exposure good in a rise."
        " The verdict is the rank test's.",
    ),
    "pbo": Note(
        "Probability of backtest overfitting (PBO)",
        "How often the configuration that is best on half of the days is below the median on the other half: what"
        " picking the best walk is worth.",
        "16 blocks of days, all 12,870 halves, by Sharpe ratio; over the ledger's configurations walked over at least"
        " 90 % of the same days",
        "Bailey, Borwein, López de Prado & Zhu, Journal of Computational Finance 20, 2017.",
        "It speaks of choosing among these walks, not of any one of them. Configurations that are nearly alike give"
        " about 50 % whether they are good or bad.",
    ),
    "shelf_life": Note(
        "Shelf life",
        "How long after its training a model still ranks: the age up to which the interval of its rank IC stays above"
        " 0.",
        "Mean daily rank IC by trading days since the last outcome that training knew, in four bins; 95 % intervals"
        " from stretches of 2h days, Student t",
        "Liang & Zeger, Biometrika 73, 1986 (clusters).",
        "Few days a bin make wide intervals: none shown is not the same as none. A walk's models are never older than"
        " a fold.",
    ),
    "shuffled_copies": Note(
        "Shuffled copies",
        "What a feature's weight is held against: the same feature of another instrument on the same days, which keeps"
        " its course over time and knows nothing of its owner.",
        "honest: 19 copies of each feature, a weight above all copies of all features happens by luck in 1 fold of 20;"
        " phase22: share of gain in a small regressor that has one copy of each feature beside it",
        "Kursa & Rudnicki, Journal of Statistical Software 36, 2010 (Boruta).",
        "Folds share training days, so that ten folds above are not ten findings. Instruments of one sector lend each"
        " other some of their skill.",
    ),
    "equity_band": Note(
        "Band of the equity",
        "How else the curve might have run with the same daily returns in another order and mix.",
        "Stationary bootstrap: blocks of geometric length, in the mean as long as positions are held; 1,000 curves,"
        " fixed seed; on each day the middle 90 %",
        "Politis & Romano, Journal of the American Statistical Association 89, 1994.",
        "Each day by itself: a curve may leave it somewhere more often than 1 time in 10. It knows no return that"
        " didn't happen.",
    ),
}
